// The Node half of langfuse_modes.py, which copies it next to node_modules and pipes the cases in.
import { readFileSync } from "node:fs";
import { ChatPromptClient, TextPromptClient } from "@langfuse/client";

const { cases, chats } = JSON.parse(readFileSync(0, "utf8"));
const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
const attempt = (f) => {
  try {
    return { result: f() };
  } catch (e) {
    return { error: `${e.name}: ${e.message}` };
  }
};
const common = { name: "p", version: 1, config: {}, labels: [], tags: [] };
console.log(
  JSON.stringify({
    versions: `@langfuse/client ${version("@langfuse/client")}, mustache ${version("mustache")}, Node ${process.versions.node}`,
    cases: cases.map((c) => attempt(() => new TextPromptClient({ ...common, prompt: c.template }).compile(c.variables))),
    chats: chats.map((c) => attempt(() => new ChatPromptClient({ ...common, prompt: c.messages }).compile(c.variables, c.placeholders))),
  }),
);
