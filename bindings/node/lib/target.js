'use strict';

/** Whether this Linux has musl: its report names no glibc. */
function musl() {
  const { report } = process;
  const before = report.excludeNetwork;
  report.excludeNetwork = true; // Otherwise it looks up host names, which takes seconds.
  try {
    return !report.getReport().header.glibcVersionRuntime;
  } finally {
    report.excludeNetwork = before;
  }
}

/** The platform's name in the names of files and packages, such as `linux-x64-gnu`. */
function target() {
  const { platform, arch } = process;
  const abi = { linux: () => (musl() ? '-musl' : '-gnu'), win32: () => '-msvc' }[platform];
  return `${platform}-${arch}${abi ? abi() : ''}`;
}

module.exports = { target };
