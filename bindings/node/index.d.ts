/** Any JSON. A number is a double; what JSON would lose (NaN, Map, functions, half surrogates) is refused. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** What may stand where JSON is written: also members that are undefined (left out), Dates, exact BigInts, `toJSON`. */
export type JsonInput = unknown;

/** A time: RFC 3339 text, a Date, or milliseconds since 1970. Results give RFC 3339 text with microseconds. */
export type TimeInput = string | Date | number;
/** A version: its number, its content id (or `b3:` and at least 8 digits of it), or the version itself. */
export type VersionInput = number | string | Prompt | { name: string; number: number; id: string };

export type ErrorKind =
  | 'not-found' | 'already-exists' | 'conflict' | 'invalid' | 'refused' | 'corrupt' | 'incompatible' | 'busy' | 'storage';

/** Codes never change their meaning; new ones may come. */
export type ErrorCode =
  | 'prompt-not-found' | 'version-not-found' | 'label-not-found' | 'dataset-not-found' | 'dataset-version-not-found'
  | 'item-not-found' | 'run-not-found' | 'trace-not-found' | 'metric-not-found' | 'gate-not-found' | 'verdict-not-found' | 'store-not-found'
  | 'row-exists' | 'metric-exists' | 'trace-exists' | 'label-moved' | 'run-finished' | 'run-differs' | 'invalid-name' | 'invalid-label'
  | 'invalid-id' | 'ambiguous-id' | 'invalid-content' | 'invalid-json' | 'missing-variable' | 'invalid-placeholder'
  | 'unsupported-template' | 'invalid-selector' | 'version-of-another-prompt' | 'invalid-item' | 'duplicate-item'
  | 'invalid-score' | 'score-out-of-range' | 'invalid-trace' | 'invalid-schema' | 'schema-mismatch' | 'invalid-gate' | 'invalid-scorer'
  | 'invalid-argument' | 'unknown-verb' | 'invalid-time' | 'too-large' | 'closed' | 'label-protected' | 'gate-refused' | 'auto-refused' | 'run-not-finished' | 'run-withdrawn'
  | 'nothing-to-roll-back' | 'reason-required' | 'read-only' | 'damaged' | 'damaged-record' | 'not-a-store' | 'newer-format'
  | 'locks-unsupported' | 'busy' | 'storage' | 'panic' | (string & {});

/** Every error of this library. */
export class TrialplateError extends Error {
  readonly code: ErrorCode;
  /** What a handler would do about it. */
  readonly kind: ErrorKind;
  /** Of `gate-refused`: the verdict that refused. */
  readonly verdict?: Verdict;
  private constructor();
}

export interface Message {
  role: string;
  content?: unknown;
  [key: string]: unknown;
}
export interface Placeholder {
  type: 'placeholder';
  name: string;
}
/** Values by variable. Null and undefined render as the empty text, text as it is, anything else as canonical JSON. */
export type Values = Record<string, unknown>;
export type Mode = 'strict' | 'partial' | 'langfuse' | 'langfuse-js';

interface PromptFacts {
  readonly name: string;
  /** 1, 2, 3 … within the prompt; never reused. */
  readonly number: number;
  /** The content id: the same content has the same id in every language, on every machine. */
  readonly id: string;
  readonly model: string | null;
  readonly params: Readonly<Record<string, any>>;
  readonly tools: any;
  readonly responseSchema: any;
  readonly variables: readonly string[];
  readonly placeholders: readonly string[];
  readonly message: string | null;
  readonly author: string | null;
  readonly createdAt: string;
  readonly parent: number | null;
  readonly tags: readonly string[];

  /** The attributes of a span of a call that is made with this version. */
  otelAttributes(): Record<string, any>;
}

/** A version of a text prompt. Frozen; the same object is given again and again. */
export interface TextPrompt extends PromptFacts {
  readonly type: 'text';
  readonly prompt: string;
  /** Renders it. A variable without a value is an error (`missing-variable`) that names all of them. */
  compile(values?: Values): string;
  /** Renders what has a value, and keeps the rest as it stands. */
  compilePartial(values?: Values): string;
  /** Renders by the rules of another tool. */
  compileAs(mode: Mode, values?: Values): string;
  toJSON(): Omit<TextPrompt, 'compile' | 'compilePartial' | 'compileAs' | 'otelAttributes' | 'toJSON'>;
}

/** A version of a chat prompt. Frozen; the same object is given again and again. */
export interface ChatPrompt extends PromptFacts {
  readonly type: 'chat';
  readonly prompt: ReadonlyArray<Message | Placeholder>;
  compile(values?: Values): Message[];
  compilePartial(values?: Values): Array<Message | Placeholder>;
  compileAs(mode: Mode, values?: Values): Array<Message | Placeholder>;
  toJSON(): Omit<ChatPrompt, 'compile' | 'compilePartial' | 'compileAs' | 'otelAttributes' | 'toJSON'>;
}

/** One immutable version of a prompt; `type` tells the two apart. */
export type Prompt = TextPrompt | ChatPrompt;
/** The class of versions, for `instanceof`. */
export const Prompt: { readonly prototype: Prompt; [Symbol.hasInstance](value: unknown): value is Prompt };

export interface OpenOptions {
  /** Refuses every write, and a file that is not there. @default false */
  readOnly?: boolean;
  /** Seconds that a write waits for another process before it gives up with `busy`. @default 5 */
  busyTimeout?: number;
  /** Who is written down as the author of what this handle does. */
  actor?: string;
  /**
   * What becomes of a `log` or `score` that finds the queue of those on their way full: it waits, or it is dropped, which
   * `recorder()` counts and which is no error. @default "block"
   */
  whenFull?: 'block' | 'drop';
  /** How many calls the queue holds. @default 10000 */
  maxQueueSize?: number;
  /** How many bytes of their texts the queue holds; a single call may have more. @default 67108864 */
  maxQueueBytes?: number;
  /**
   * Whether SIGTERM and SIGINT, where nobody else listens, wait for what `log` and `score` were asked for before they end
   * the process as they do without. @default true
   */
  flushOnSignal?: boolean;
}

export interface PublishOptions {
  model?: string | null;
  params?: Record<string, JsonInput>;
  tools?: JsonInput;
  /** A JSON Schema of the output. */
  responseSchema?: JsonInput;
  message?: string;
  /** @default the store's actor */
  author?: string;
  tags?: string[];
  /** The version that it was derived from. */
  parent?: number | Prompt;
  /** Labels that are moved to it in the same transaction. */
  labels?: string[];
}

/** Either a label (with or without a time), a version or an id. */
export interface GetOptions {
  /** @default "production"; `latest` is the newest version */
  label?: string;
  version?: VersionInput;
  id?: string;
  /** What the label pointed to then. */
  at?: TimeInput;
}

export interface MoveOptions {
  /** Compare-and-set: only if the label points there; null: only if it is not set. */
  expected?: VersionInput | null;
  reason?: string;
}
export interface PromoteOptions extends MoveOptions {
  to: string;
  /** Moves the label against the gate's verdict, for this reason, which is logged for ever. */
  override?: string;
  /** Nobody asked for it: only on a pass, only forward, and never to what was rolled back. @default false */
  auto?: boolean;
}

export interface LabelMove {
  prompt: string;
  label: string;
  seq: number;
  at: string;
  actor: string | null;
  from: number | null;
  to: number | null;
  reason: string | null;
  verdict: string | null;
  rollback: boolean;
  override: boolean;
  /** Nobody asked for it: the version passed the gate of a label that moves by itself. */
  auto: boolean;
}
export interface PromptSummary {
  name: string;
  latest: number;
  labels: Record<string, number>;
  protected: string[];
  tags: string[];
  updatedAt: string;
}
export interface Diff {
  changes: Array<{ path: string; kind: 'added' | 'removed' | 'changed'; from?: any; to?: any }>;
  text: Array<{ path: string; hunks: Array<{ tag: 'equal' | 'insert' | 'delete'; text: string }> }>;
  /** The diff for a terminal. */
  unified: string;
}

export type CheckMode = 'bound' | 'point';
export interface JudgedOptions {
  /** What to do with a judge that was not calibrated against people. @default "report": it decides nothing */
  uncalibrated?: 'report' | 'allow';
}
export interface NoRegressionOptions extends JudgedOptions {
  tolerance?: number;
  kind?: 'relative' | 'absolute';
  mode?: CheckMode;
  /** Which bound. @default "auto" */
  bound?: 'auto' | 'betting' | 't';
  /** The member of the items' metadata that names what belongs together, such as a document. */
  cluster?: string;
  /** More items than this with a severe drop fail, whatever the mean says. */
  maxSevere?: number;
  /** A drop of so many points is severe. @default 2 */
  severeDrop?: number;
  /** What an output that failed counts as. @default "missing" */
  onError?: 'missing' | 'worst';
}
export interface CheckSpec extends NoRegressionOptions {
  check: string;
  metric?: string;
  dataset?: string | Dataset;
  atLeast?: number | null;
  atMost?: number | null;
  allow?: number;
  maxNewFailures?: number;
}
/** Checks of a gate. What is left out is the core's default. */
export class Check {
  /** Every item stays at or above a floor; `allow` of them may not. */
  static itemFloor(metric: string, atLeast: number | ({ atLeast: number; allow?: number } & JudgedOptions)): CheckSpec;
  /** The mean is not worse than that of the version that holds the label. @default tolerance 0.05, mode "bound" */
  static noRegression(metric: string, options?: NoRegressionOptions): CheckSpec;
  /** The mean is at least so much (at most, where lower is better). @default mode "bound" */
  static mean(metric: string, atLeast: number | { atLeast: number }, options?: { mode?: CheckMode } & JudgedOptions): CheckSpec;
  /** A rate is at least, or at most, so much. @default mode "point" */
  static rate(metric: string, options: { atLeast?: number; atMost?: number; mode?: CheckMode } & JudgedOptions): CheckSpec;
  /** Enough of the outputs satisfy `responseSchema`. @default atLeast 0.99, mode "point" */
  static format(options?: { atLeast?: number; mode?: CheckMode }): CheckSpec;
  /** On a set of probes no item scores worse than under the version that holds the label; `maxNewFailures` may. */
  static notMorePermissive(options: { dataset: string | Dataset; metric: string; maxNewFailures?: number } & JudgedOptions): CheckSpec;
}
export interface GateSpec {
  dataset: string | Dataset;
  checks: CheckSpec[];
  /** What to do where the data leave a check open. @default "block" */
  inconclusive?: 'block' | 'allow';
  id?: string;
}
/** A list of checks over a dataset; all of them must pass. */
export class Gate implements GateSpec {
  constructor(gate: GateSpec);
  readonly dataset: string | Dataset;
  readonly checks: CheckSpec[];
  readonly inconclusive?: 'block' | 'allow';
}

export type Outcome = 'pass' | 'fail' | 'cannot-tell';
export interface CheckResult {
  check: string;
  metric: string | null;
  outcome: Outcome;
  mode: string | null;
  sentence: string;
  n: number;
  nMissing: number;
  value: number | null;
  baseline: number | null;
  lower: number | null;
  upper: number | null;
  threshold: number | null;
  items: Array<{ key: string; baseline: number | null; candidate: number | null }>;
  /** How much worse it may be, in the metric's own points. */
  allowed?: number;
  /** How sure the bounds are; it rises with every run of a version. */
  confidence?: number;
  rule?: 't' | 'betting' | 'zero_variance' | 'point';
  /** Which run of this version on this dataset it is, from the second on. */
  attempt?: number;
  /** How many items dropped severely. */
  severe?: number;
  /** Why it cannot tell. */
  open?: 'not-shown' | 'invalid-missing' | 'no-evidence' | 'uncalibrated-judge';
  /** What would settle it: so many items, or so many trials of each, with this chance. */
  needed?: { items: number; chance?: number; trials?: number };
}
/** How far a judge and people agree on a part of the labels. */
export interface Agreement {
  n: number;
  kappa: number | null;
  kappaLow: number | null;
  kappaHigh: number | null;
  /** The share of labels on which both said the same. */
  agreement: number | null;
  /** How much too high the judge is, in the metric's points. */
  bias: number | null;
  biasLow: number | null;
  biasHigh: number | null;
}
/** How far one judge agrees with people on one metric. */
export interface Calibration extends Agreement {
  metric: string;
  /** The content id of the judge's configuration. */
  scorer: string;
  source: string;
  /** Labelled items or traces; `n` counts labels. */
  units: number;
  unlabelled: number;
  weights: 'quadratic' | 'unweighted';
  /** What people gave: each category's share. */
  prevalence: Record<string, number>;
  humanMean: number | null;
  judgeMean: number | null;
  /** The mean of everything that was judged, corrected by the labels. */
  correctedMean: number | null;
  correctedLow: number | null;
  correctedHigh: number | null;
  strata: Record<string, Agreement>;
  /** By the length of the output, in thirds. */
  lengths: Record<string, Agreement>;
  level: 'usable' | 'usable with human spot checks' | 'not usable for gates';
  sentence: string;
  at: string;
  seq: number;
}
export interface CalibrateOptions {
  /** The run whose rows hold both scores, with `human`: the metric that holds what people said. */
  run?: string | Run;
  human?: string;
  /** The prompt whose traces hold both scores, from a judge and from a human. */
  prompt?: string;
  version?: VersionInput;
  since?: TimeInput;
  until?: TimeInput;
  /** Which judge, if several scored the traces: the scorer, or its id. */
  judge?: ScorerInput;
}
/** That a run was taken out of the evidence, and why. */
export interface Withdrawal {
  at: string;
  actor: string | null;
  reason: string;
}
export interface Verdict {
  id: string;
  outcome: Outcome;
  sentence: string;
  key: {
    prompt: string;
    label: string;
    version: number;
    versionId: string;
    gate: string;
    datasets: Array<{ dataset: string; version: number; root: string }>;
    scorers: ScorerRef[];
    baseline: { version: number; versionId: string } | null;
  };
  checks: CheckResult[];
  evidence: Array<{ run: string; version: number; rowsRoot: string }>;
  /** The runs that were withdrawn, and say nothing any more. */
  withdrawn?: string[];
  /** Whether the gate's policy lets the version pass although the data leave a check open. */
  allowed?: true;
  at: string;
}
/** What `check` with `auto` came to. */
export interface Checked extends Verdict {
  moved: LabelMove | null;
  /** Why the label did not move on a pass. */
  held: string | null;
}

export interface NewItem {
  /** Unique within the dataset. Left out, it is made from the content. */
  key?: string;
  input?: JsonInput;
  expected?: JsonInput;
  metadata?: JsonInput;
  stratum?: string;
  sourceTrace?: string;
}
export interface Item {
  key: string;
  id: string;
  input: any;
  expected: any;
  metadata: any;
  stratum: string | null;
  sourceTrace: string | null;
}
export interface DatasetVersion {
  dataset: string;
  version: number;
  root: string;
  items: number;
  added: number;
  changed: number;
  archived: number;
  at: string;
  actor: string | null;
}
export interface DatasetSchemas {
  /** A JSON Schema for every item's `input`; null takes it off. */
  input?: JsonInput;
  expected?: JsonInput;
}
export interface Page {
  /** Only items behind this key: the last one of the page before. */
  after?: string;
  /** At most so many. */
  limit?: number;
}
/** A dataset by its name; it is there once something was added. */
export class Dataset {
  private constructor();
  readonly name: string;
  /** The version it was pinned to by `at`. */
  readonly pinned: number | undefined;
  /** The pinned version, or the number of the newest. */
  get version(): number;
  /** The dataset as it was at a version. */
  at(version: number): Dataset;
  info(): DatasetVersion;
  add(items: NewItem[]): DatasetVersion;
  addAsync(items: NewItem[]): Promise<DatasetVersion>;
  /** Adds a production call. Its output is no expectation; the key is the trace's id, if none is given. */
  addFromTrace(trace: string | Trace, options?: { expected?: JsonInput; key?: string }): DatasetVersion;
  addFromTraceAsync(trace: string | Trace, options?: { expected?: JsonInput; key?: string }): Promise<DatasetVersion>;
  archive(keys: string[]): DatasetVersion;
  archiveAsync(keys: string[]): Promise<DatasetVersion>;
  /** Its items in the order of their keys: all of them, or a page. An empty page is the end. */
  items(page?: Page): Item[];
  /** Its items in the order of their keys, with never more than a page of them in memory, all of one version. */
  iterItems(options?: { page?: number }): Generator<Item, void, undefined>;
  /** The keys of its items in their order: all of them, or a page. */
  keys(page?: Page): string[];
  diff(a: number, b: number): { added: string[]; changed: string[]; archived: string[] };
  versions(): DatasetVersion[];
  /** Sets JSON Schemas for items, and says which hold now. */
  schema(schemas?: DatasetSchemas): { input: any; expected: any };
  schemaAsync(schemas?: DatasetSchemas): Promise<{ input: any; expected: any }>;
}

/** Number, yes or no, a category's name; null where it could not be read. NaN is refused. */
export type Score = number | boolean | string | null;
export interface MetricOptions {
  kind?: 'numeric' | 'boolean' | 'categorical';
  min?: number;
  max?: number;
  categories?: string[];
  direction?: 'higher' | 'lower';
}
export interface ScoreConfig {
  kind: 'numeric' | 'boolean' | 'categorical';
  min: number | null;
  max: number | null;
  categories: string[] | null;
  direction: 'higher' | 'lower';
}
export interface ScorerRef {
  name: string;
  id: string;
}
export type ScoreFunction = (output: any, item: PendingItem, prompt: Prompt) => Score | undefined | Promise<Score | undefined>;
/** What turns an output into a score. The built-in ones run in the core; `function` and `judge` are yours. */
export class Scorer {
  private constructor();
  readonly kind: string;
  readonly name?: string;
  static exact(options?: { name?: string; field?: string; ignoreCase?: boolean }): Scorer;
  static contains(options?: { name?: string; text?: string; ignoreCase?: boolean }): Scorer;
  /** Rust's regular expressions: no look-around, linear time. */
  static regex(pattern: string, options?: { name?: string }): Scorer;
  static numeric(options?: { name?: string; field?: string; absolute?: number; relative?: number }): Scorer;
  static levenshtein(options?: { name?: string }): Scorer;
  static jsonValid(options?: { name?: string }): Scorer;
  static jsonSchema(options?: { name?: string; schema?: JsonInput }): Scorer;
  static length(options: { name?: string; min?: number; max?: number }): Scorer;
  /** Yours: called by `evaluate` if it is given here. Change `version` when the function changes. */
  static function(name: string, score?: ScoreFunction, options?: { version?: string }): Scorer;
  /** Yours: whatever decides its scores (rubric, model, parameters) is its identity. */
  static judge(name: string, config: JsonInput, score?: ScoreFunction): Scorer;
}
export type ScorerInput = Scorer | string | ScoreFunction | { kind: string; [key: string]: unknown };

export interface PendingItem extends Item {
  trial: number;
}
export interface RowInput {
  output?: JsonInput;
  error?: string | Error | null;
  scores?: Record<string, Score>;
  latencyMs?: number | null;
  costUsd?: number | null;
  tokensIn?: number | null;
  tokensOut?: number | null;
}
export interface Row {
  key: string;
  itemId: string;
  trial: number;
  output: any;
  error: string | null;
  scores: Record<string, Score>;
  latencyMs: number | null;
  costUsd: number | null;
  tokensIn: number | null;
  tokensOut: number | null;
  at: string;
}
export interface RunOptions {
  /** What scores its outputs. A function, or a text, is a scorer of yours by that name. */
  scorers?: ScorerInput[];
  /** How often each item is tried. @default 1 */
  trials?: number;
  /** An unfinished run of the same name is resumed. */
  name?: string;
}
export interface RunFacts {
  readonly id: string;
  readonly name: string | null;
  readonly prompt: string;
  readonly version: number;
  readonly versionId: string;
  readonly dataset: string;
  readonly datasetVersion: number;
  readonly datasetRoot: string;
  /** How many items it covers. */
  readonly items: number;
  readonly trials: number;
  readonly scorers: ScorerRef[];
  readonly startedAt: string;
  readonly actor: string | null;
  readonly finishedAt: string | null;
  readonly rowsRoot: string | null;
  /** That it was withdrawn: it can be read, and is evidence for nothing. */
  readonly withdrawn: Withdrawal | null;
}
/** One version on one dataset version. A row is durable when `record` returns (or its promise is kept). */
export class Run implements RunFacts {
  private constructor();
  readonly id: string;
  readonly name: string | null;
  readonly prompt: string;
  readonly version: number;
  readonly versionId: string;
  readonly dataset: string;
  readonly datasetVersion: number;
  readonly datasetRoot: string;
  readonly items: number;
  readonly trials: number;
  readonly scorers: ScorerRef[];
  readonly startedAt: string;
  readonly actor: string | null;
  readonly finishedAt: string | null;
  readonly rowsRoot: string | null;
  readonly withdrawn: Withdrawal | null;
  /** How many rows it had when it was finished. */
  readonly rowCount: number | null;
  /** The labels that moved by themselves when `finish`, called on this object, finished it. */
  readonly moves: LabelMove[];
  /** The items and trials that have no row yet. */
  pending(): PendingItem[];
  record(item: { key: string; trial: number }, row: RowInput): Row;
  recordAsync(item: { key: string; trial: number }, row: RowInput): Promise<Row>;
  /** Records several rows in one transaction, and says how many. */
  recordAll(rows: Array<{ key: string; trial: number } & RowInput>): number;
  recordAllAsync(rows: Array<{ key: string; trial: number } & RowInput>): Promise<number>;
  /** It takes no more rows, and becomes evidence for gates. */
  finish(): this;
  finishAsync(): Promise<this>;
  /** Takes it out of the evidence, for ever; it can still be read, and still counts as a run. */
  withdraw(reason: string | { reason: string }): this;
  withdrawAsync(reason: string | { reason: string }): Promise<this>;
  rows(): Row[];
  summary(): RunSummary;
}
export interface MetricSummary {
  n: number;
  nMissing: number;
  mean: number | null;
  sd: number | null;
  se: number | null;
  min: number | null;
  p10: number | null;
  p50: number | null;
  p90: number | null;
  max: number | null;
}
export interface RunSummary {
  run: RunFacts & { readonly rows: number | null };
  rows: number;
  rowsExpected: number;
  errors: number;
  metrics: Record<string, MetricSummary>;
  latencyMs: MetricSummary;
  costUsd: MetricSummary;
  costUsdTotal: number;
  tokensInTotal: number;
  tokensOutTotal: number;
}
export interface CompareOptions {
  /** The metrics that decide, adjusted together (Holm); the others are secondary. @default all of them */
  primary?: string[];
  /** The chance of a false alarm; intervals are 1-alpha intervals. @default 0.05 */
  alpha?: number;
  /** The smallest difference that matters, by metric. */
  margin?: Record<string, number>;
  /** The member of the items' metadata that says which of them belong together (document, topic). */
  cluster?: string;
  /** More runs of either version on the same dataset: how far they lie apart is the noise floor. */
  noise?: Array<string | Run>;
}
/** The exact test of a pass/fail metric, and the interval of Bonett and Price. */
export interface McNemar {
  onlyA: number;
  onlyB: number;
  diff: number;
  pValue: number;
  pMid: number;
  ciLow: number;
  ciHigh: number;
}
/** What the difference between two runs of the same version looks like: nothing but noise. */
export interface NoiseFloor {
  source: 'runs' | 'trials';
  runs: number;
  sd: number;
  halfWidth: number;
  df: number;
  /** The largest difference between two of the runs that were given. */
  largest: number | null;
  /** Whether the difference of the comparison is no larger than that. */
  within: boolean;
}
/** The comparison as if every missing score of the second run were the worst, and of the first the best. */
export interface WorstCase {
  items: number;
  diff: number;
  ciLow: number;
  ciHigh: number;
  pValue: number;
  rangeLow: number;
  rangeHigh: number;
  rangeDeclared: boolean;
  /** Whether the verdict stays what it is, several metrics aside. */
  holds: boolean;
}
export interface MetricComparison {
  status: string;
  role: 'primary' | 'secondary' | 'exploratory';
  n: number;
  nMissing: number;
  nMissingA: number;
  nMissingB: number;
  missingShare: number | null;
  nErrorA: number;
  nErrorB: number;
  nClusters: number | null;
  meanA: number | null;
  meanB: number | null;
  sdA: number | null;
  sdB: number | null;
  seA: number | null;
  seB: number | null;
  diff: number | null;
  sdDiff: number | null;
  se: number | null;
  df: number | null;
  t: number | null;
  pValue: number | null;
  /** Adjusted for the metrics of the same role; a claim needs it at or below alpha. */
  pHolm: number | null;
  /** In strata: adjusted over the strata (Benjamini-Hochberg). */
  pBh: number | null;
  ciLow: number | null;
  ciHigh: number | null;
  margin: number | null;
  /** The difference over the standard deviation of the items' differences. */
  effectSize: number | null;
  /** The smallest difference that this comparison sees with 80 % power. */
  mde: number | null;
  /**
   * `b_better`, `b_worse` or `undecided`; with a margin also `b_better_small`, `b_worse_small`,
   * `no_meaningful_difference`; `invalid_missing`, `not_comparable`, `exploratory`, or the status.
   */
  verdict: string;
  improved: number;
  unchanged: number;
  regressed: number;
  /** The worst of them, at most 10. */
  regressedItems: Array<{ key: string; a: number; b: number; diff: number }>;
  mcnemar: McNemar | null;
  /** The share of the noise that more trials could remove. */
  repeatShare: number | null;
  repeatAdvice: 'repeats help' | 'both help' | 'more items help' | null;
  noiseFloor: NoiseFloor | null;
  worstCase: WorstCase | null;
  direction: 'higher' | 'lower';
  sentence: string;
}
export interface QuantileComparison {
  a: number | null;
  b: number | null;
  diff: number | null;
  ciLow: number | null;
  ciHigh: number | null;
}
/** Milliseconds, dollars or tokens in two runs, paired by item; less is better. Not a verdict. */
export interface FigureComparison {
  status: string;
  n: number;
  nMissing: number;
  meanA: number | null;
  meanB: number | null;
  diff: number | null;
  se: number | null;
  df: number | null;
  t: number | null;
  pValue: number | null;
  ciLow: number | null;
  ciHigh: number | null;
  p50: QuantileComparison;
  p90: QuantileComparison;
  improved: number;
  unchanged: number;
  regressed: number;
  direction: 'lower';
  sentence: string;
}
export interface Comparison {
  runA: RunFacts & { readonly rows: number | null };
  runB: RunFacts & { readonly rows: number | null };
  alpha: number;
  cluster: string | null;
  datasetChanged: boolean;
  /** Items that differ between the dataset versions, and are not paired. */
  itemsChanged: number;
  scorerChanged: string[];
  /** More runs that the noise floor was taken from. */
  noise: string[];
  metrics: Record<string, MetricComparison>;
  /** Only those that rows carry. */
  figures: { latencyMs?: FigureComparison; costUsd?: FigureComparison; tokensIn?: FigureComparison; tokensOut?: FigureComparison };
  items: Array<{
    key: string;
    stratum: string | null;
    a: Record<string, number | null>;
    b: Record<string, number | null>;
    diff: Record<string, number | null>;
  }>;
  strata: Record<string, { metrics: Record<string, MetricComparison> }>;
  sentence: string;
}

declare class Output {
  private constructor();
  private readonly marker: true;
}
export interface Figures {
  scores?: Record<string, Score>;
  latencyMs?: number;
  costUsd?: number;
  tokensIn?: number;
  tokensOut?: number;
}
/** What a task returns when it knows more than the output. */
export function output(value: JsonInput, figures?: Figures): Output;
export interface EvaluateOptions extends RunOptions {
  /** Returns the output, or `output(value, { costUsd, … })`. What it throws becomes the row's error. */
  task: (item: PendingItem, prompt: any) => JsonInput | Output | Promise<JsonInput | Output>;
  /** How many calls are under way at once. @default 1 */
  concurrency?: number;
}

export type ScoreSource = 'judge' | 'human' | 'user' | 'code';
export interface LogOptions {
  /** Yours, such as a request's or a span's id. @default one is made */
  traceId?: string;
  /** When the call was made. @default now */
  at?: TimeInput;
  input?: JsonInput;
  output?: JsonInput;
  error?: string | Error | null;
  latencyMs?: number | null;
  costUsd?: number | null;
  tokensIn?: number | null;
  tokensOut?: number | null;
  user?: string | null;
  /** One that was registered enrols the `user`, and gives the trace its variant. */
  experiment?: string | Experiment | null;
  variant?: string | null;
  /** Difficulty or query type, set by something that has not seen the output. */
  stratum?: string | null;
  metadata?: JsonInput;
  /** Waits until the trace is durable, and throws what is wrong. @default false */
  durable?: boolean;
  /** The prompt's name, if the version is a number or an id. */
  prompt?: string;
}
/** A call that is logged with others, and the scores that it has from the beginning. */
export interface LoggedCall extends Omit<LogOptions, 'durable'> {
  version: VersionInput;
  scores?: Record<string, Score>;
  /** Of the scores. @default "code" */
  source?: ScoreSource;
}
/** A score that is given with others. */
export interface GivenScore extends Omit<ScoreOptions, 'durable'> {
  traceId: string | Trace;
  metric: string;
  /** null: it could not be read. */
  value: Score;
}
export interface Pruned {
  /** How many went, and `scores` with them. */
  traces: number;
  scores: number;
  /** Older traces that stayed, by the experiment that has no conclusion yet. */
  kept: Record<string, number>;
}
export interface ScoreOptions {
  /** @default "code" */
  source?: ScoreSource;
  comment?: string;
  /** Which judge: a scorer, or a name of yours for its version. */
  judge?: string | Scorer | { kind: string; [key: string]: unknown };
  /** Waits until the score is durable, and throws what is wrong. @default false */
  durable?: boolean;
}
export interface TraceScore {
  metric: string;
  /** null: it could not be read. */
  value: Score;
  source: ScoreSource;
  comment: string | null;
  judge: string | null;
  at: string;
}
export interface Trace {
  traceId: string;
  prompt: string;
  version: number;
  versionId: string;
  at: string;
  input: any;
  output: any;
  error: string | null;
  latencyMs: number | null;
  costUsd: number | null;
  tokensIn: number | null;
  tokensOut: number | null;
  user: string | null;
  experiment: string | null;
  variant: string | null;
  stratum: string | null;
  metadata: any;
  /** Every score it was given, by metric and source, oldest first; the newest of each counts. */
  scores: TraceScore[];
}
export interface TraceFilter {
  prompt?: string;
  version?: VersionInput;
  /** Only of the version that this label of the prompt points to now. */
  label?: string;
  user?: string;
  experiment?: string;
  /** From this moment on. */
  since?: TimeInput;
  /** Before this moment. */
  until?: TimeInput;
  /** At most so many, up to 1,000. @default 100 */
  limit?: number;
  /** The `next` of the page before. A ranking has one page. */
  cursor?: string;
  /** The highest and the lowest are those of one prompt. @default "newest" */
  order?: 'newest' | 'highest' | 'lowest';
  /** What `highest` and `lowest` are of: a metric, or `latency_ms`, `cost_usd`, `tokens_in`, `tokens_out`. */
  metric?: string;
}
export interface TracePage {
  /** Newest first, or as the ranking says. */
  traces: Trace[];
  /** The cursor of the next page; null if this is the last one. */
  next: string | null;
}
export type GroupBy = 'version' | 'day' | 'label' | 'variant' | 'stratum' | 'source';
export interface SummaryOptions {
  /** By label: what the label points to NOW. Days are UTC. A list groups by all of them at once. */
  by?: GroupBy | GroupBy[];
  version?: VersionInput;
  experiment?: string;
  since?: TimeInput;
  until?: TimeInput;
  /** Only scores of this source; without it, several sources of a trace are averaged. */
  source?: ScoreSource;
}
/** One metric over some traces. The unit is the trace. */
export interface LiveFigures {
  /** How many there are, with a value and without. */
  traces: number;
  n: number;
  /** Traces whose score could not be read; of a figure such as `latency_ms`, those that don't carry it. */
  missing: number;
  mean: number | null;
  sd: number | null;
  se: number | null;
  /** The 95 % interval of the mean. */
  ciLow: number | null;
  ciHigh: number | null;
  min: number | null;
  p10: number | null;
  p50: number | null;
  p90: number | null;
  max: number | null;
  /** 20 bins of equal width over the range that the metric declares (`declared`), or the one observed. */
  histogram: { low: number; high: number; declared: boolean; counts: number[] } | null;
  /** Of a categorical metric: how many scores each category has. */
  categories: Record<string, number>;
}
export interface LiveSummary extends LiveFigures {
  prompt: string;
  metric: string;
  direction: 'higher' | 'lower' | null;
  source: ScoreSource | null;
  by: GroupBy | GroupBy[] | null;
  /** The same by group; null is the group of the traces without one. By several at once, a list of names. */
  groups: Array<LiveFigures & { group: number | string | null | Array<number | string | null> }>;
}

/** What is planned before anything is seen. What is left out has a default. */
export interface ExperimentOptions {
  prompt: string;
  /** Names and their versions; the first one is the control. */
  variants: Record<string, VersionInput> | ReadonlyArray<{ name: string; version: VersionInput; weight?: number }>;
  /** Whole numbers (a ratio), or shares that sum to 1. @default equal */
  weights?: Record<string, number> | ReadonlyArray<number>;
  /** The primary metric. */
  metric: string;
  /** The smallest difference worth finding, in the metric's unit. */
  minEffect?: number;
  control?: string;
  source?: ScoreSource;
  direction?: 'higher' | 'lower';
  /** @default 0.05 */
  alpha?: number;
  /** @default 0.8 */
  power?: number;
  /** How the users' scores spread; from earlier traces if left out, and a guess where there are none. */
  sd?: number;
  /** The share of the variance that strata or a covariate explain. */
  r2?: number;
  /** Users per variant, in place of what the power analysis asks for. */
  nPlanned?: number;
  /** Fewer users per variant are not planned. @default 500 */
  floor?: number;
  /** `lock`: decided at the planned number, and closed until then; `anytime`: by the confidence sequence. @default 'lock' */
  mode?: 'lock' | 'anytime';
  analysis?: 'plain' | 'stratified' | 'cuped';
  covariate?: 'history' | 'exposure' | 'stratum';
  strata?: ReadonlyArray<string>;
  stratumWeights?: Record<string, number>;
  unitScore?: 'unit_mean' | 'response_mean';
  guardrails?: ReadonlyArray<{ metric: string; tolerance: number; relative?: boolean; direction?: 'higher' | 'lower' }>;
  /** The share of all users that takes part. @default 1 */
  coverage?: number;
  /** Experiments of one layer never share a user. */
  layer?: string;
  sticky?: boolean;
  harmGuard?: boolean;
  graceHours?: number;
  salt?: string;
  description?: string;
  /** False only registers it. @default true */
  start?: boolean;
}
export interface ExperimentPlan {
  experiment: string;
  prompt: string;
  variants: Array<{ name: string; version: number; versionId: string; weight: number }>;
  /** The position of the variant that the others are compared with. */
  control: number;
  metric: string;
  source: ScoreSource | null;
  direction: 'higher' | 'lower';
  range: [number, number] | null;
  minEffect: number;
  alpha: number;
  power: number;
  sd: number;
  sdSource: 'given' | 'traces' | 'guess';
  r2: number;
  /** Users per variant that the power analysis asks for. */
  nPower: number;
  /** Users per variant that are planned; pairs, in mode `anytime`. */
  nPlanned: number;
  /** The difference that so many users see with the planned power. */
  mde: number;
  mode: 'lock' | 'anytime';
  analysis: 'plain' | 'stratified' | 'cuped';
  layer: string | null;
  sticky: boolean;
  harmGuard: boolean;
  graceHours: number;
  salt: string;
  warnings: string[];
  sentence: string;
  [key: string]: any;
}
export interface Assignment {
  experiment: string;
  unit: string;
  /** If not, give the unit what everybody gets. */
  takesPart: boolean;
  variant: string | null;
  version: number | null;
  /** 0 to 9,999. */
  bucket: number;
  /** `not-started`, `ended`, `coverage` or `layer`. */
  why: string | null;
}
/** One variant (B) against the control (A). */
export interface ExperimentComparison {
  variant: string;
  control: string;
  status: string;
  analysis: string;
  nA: number;
  nB: number;
  meanA: number | null;
  meanB: number | null;
  sdA: number | null;
  sdB: number | null;
  diff: number | null;
  se: number | null;
  df: number | null;
  t: number | null;
  pValue: number | null;
  /** Corrected for the number of variants. */
  pHolm: number | null;
  ciLow: number | null;
  ciHigh: number | null;
  relative: number | null;
  varianceExplained: number | null;
  quantiles: Array<{ q: number; a: number | null; b: number | null; diff: number | null; ciLow: number | null; ciHigh: number | null }>;
  strata: any;
  verdict: string;
  sentence: string;
}
/** What an experiment says. While it is closed there are counts and the split, and no differences. */
export interface ExperimentResult {
  experiment: string;
  state: 'registered' | 'running' | 'stopped' | 'concluded';
  planId: string;
  nPlanned: number;
  /**
   * `collecting`, `invalid_srm`, `invalid_judge_changed`, `invalid_missing`, `b_better`, `b_better_small`, `b_worse`,
   * `b_worse_small`, `no_meaningful_difference` or `undecided`.
   */
  verdict: string;
  /** Whether that is the last word. */
  isFinal: boolean;
  sentence: string;
  /** Better, and within every guardrail. */
  winner: string | null;
  stoppedBy: 'harm_guard' | null;
  cutoff: number | null;
  arms: Array<{ variant: string; version: number; units: number; scored: number; missing: number; inTwoArms: number; latencyMsP50: number | null; costUsdMean: number | null }>;
  missingShare: number;
  split: { expected: number[]; seen: number[]; pValue: number | null; mismatch: boolean; logBf: number | null; warning: boolean; pValueScored: number | null };
  comparisons: ExperimentComparison[];
  anytime: { status: string; pairs: number; stoppedAt: number | null; diff: number | null; low: number | null; high: number | null; pValue: number | null; approximate: boolean } | null;
  guardrails: Array<{ metric: string; outcome: 'pass' | 'fail' | 'cannot-tell'; lower: number | null; upper: number | null; sentence: string; [key: string]: any }>;
  warnings: string[];
  [key: string]: any;
}
export interface Conclusion {
  experiment: ExperimentFacts;
  result: ExperimentResult;
  promoted: LabelMove | null;
}
export interface ExperimentFacts {
  readonly name: string;
  readonly state: 'registered' | 'running' | 'stopped' | 'concluded';
  readonly plan: ExperimentPlan;
  readonly planId: string;
  readonly registeredAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly reason: string | null;
  readonly coverage: number;
  readonly epochs: Array<{ since: string; weights: number[]; table: Array<[number, number]> }>;
  readonly resultId: string | null;
  readonly winner: string | null;
}
export interface ExposeOptions {
  /** Difficulty or query type, set by something that has not seen the output. */
  stratum?: string;
  /** A number that says something of its score, known before it saw anything. */
  covariate?: number;
  durable?: boolean;
}
/** An A/B test on traffic. */
export class Experiment implements ExperimentFacts {
  private constructor();
  readonly name: string;
  readonly state: 'registered' | 'running' | 'stopped' | 'concluded';
  readonly plan: ExperimentPlan;
  readonly planId: string;
  readonly registeredAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly reason: string | null;
  readonly coverage: number;
  readonly epochs: Array<{ since: string; weights: number[]; table: Array<[number, number]> }>;
  readonly resultId: string | null;
  readonly winner: string | null;
  /** Which variant a unit gets: a pure function of the experiment and the unit. Nothing is written. */
  assign(unit: string): Assignment;
  /** Assigns a unit and enrols it. Logging a trace with `experiment` and `user` does the same. */
  expose(unit: string, options?: ExposeOptions): Assignment;
  exposeAsync(unit: string, options?: ExposeOptions): Promise<Assignment>;
  start(): this;
  startAsync(): Promise<this>;
  /** Gives the share of all units that moved. Exposed ones keep their variant. */
  setWeights(weights: Record<string, number> | ReadonlyArray<number>): number;
  setWeightsAsync(weights: Record<string, number> | ReadonlyArray<number>): Promise<number>;
  setCoverage(coverage: number): this;
  setCoverageAsync(coverage: number): Promise<this>;
  /** What it says now. Ask as often as you like: nothing that could tempt is shown before the cut-off. */
  result(): ExperimentResult;
  resultAsync(): Promise<ExperimentResult>;
  /** Ends it with its verdict, and moves a label to the winner, through its gate, if that is wanted. */
  conclude(options?: { promote?: string; reason?: string }): Conclusion;
  concludeAsync(options?: { promote?: string; reason?: string }): Promise<Conclusion>;
  /** Ends it without a verdict, for a reason that stays in the log. */
  stop(reason: string): this;
  stopAsync(reason: string): Promise<this>;
  refresh(): this;
}

export interface Event {
  seq: number;
  at: string;
  actor: string | null;
  kind: string;
  /** The facts, in the names of the log. */
  data: any;
  prev: string;
  hash: string;
}
export interface Report {
  ok: boolean;
  broken: string | null;
  events: number;
  objects: number;
  prompts: number;
  versions: number;
  labels: number;
  verdicts: number;
  datasetVersions: number;
  runs: number;
  canaries: number;
  calibrations: number;
  traces: number;
  scores: number;
  experiments: number;
  exposures: number;
}

/** A copy of the store that was made. */
export interface Backup {
  path: string;
  /** The size of the file. */
  bytes: number;
  entries: number;
  events: number;
}
/** What became of the `log` and `score` calls of a store that nobody waited for, in this process. */
export interface RecorderStats {
  /** Calls on their way. */
  waiting: number;
  /** Bytes of their texts. */
  waitingBytes: number;
  /** Calls that are durable. */
  recorded: number;
  /** Calls that were dropped, because the queue was full and the store was opened with `whenFull: 'drop'`. */
  dropped: number;
  /** Calls that failed after they had returned; the next `flush` throws the first error. */
  failed: number;
  /** Transactions that this process has committed to the file, of this store and others, for any verb. */
  commits: number;
}
/** What takes the space of a store. */
export interface SpaceUse {
  /** The size of the file. */
  fileBytes: number;
  entries: number;
  /** Of all keys and values. */
  bytes: number;
  parts: PartUse[];
  /** At most ten, the largest first. */
  largestRuns: RunUse[];
}
export interface DoctorOptions {
  /** Also check every link as `verify` does, and name every entry that can't be read. */
  deep?: boolean;
  /** Copy what can be read into a new file of this name. */
  salvage?: string;
  /** How many seconds to wait for a process that is writing [default: 5]. */
  busyTimeout?: number;
}
/** What `doctor` found. */
export interface Diagnosis {
  ok: boolean;
  path: string;
  /** The size of the file. */
  bytes: number;
  /** Events whose hash chain holds. */
  events: number;
  findings: { code: string; text: string }[];
  report: Report | null;
  salvaged: Salvaged | null;
}
export interface Salvaged {
  path: string;
  bytes: number;
  entries: number;
  /** Whether the new file verifies. */
  ok: boolean;
  broken: string | null;
  /** What could not be saved: an entry, or the stretch from the key to `until`. */
  left: { part: PartUse['part']; what: string | null; key: string; until: string | null; reason: string }[];
  /** What the new file lacks by name, as far as anything that was saved names it. */
  lost: string[];
}
export interface PartUse {
  part: 'objects' | 'refs' | 'log' | 'rows' | 'traces';
  entries: number;
  keyBytes: number;
  valueBytes: number;
}
export interface RunUse {
  run: string;
  rows: number;
  bytes: number;
}

export interface CanaryOptions {
  /** @default the prompt that `version` is of */
  prompt?: string;
  /** Fixed. @default the version that `label` points to now */
  version?: VersionInput;
  /** @default 'production' */
  label?: string;
  /** The fixed items: 10 at least, best 20 to 50. */
  dataset?: string | Dataset;
  /** Fixed. @default the newest one now */
  datasetVersion?: number;
  /** What is watched; each declared boolean, or with min and max. */
  metrics?: string[];
  /** What the runs must be scored by. @default what the first run is scored by */
  scorers?: ScorerInput[];
  /** Runs before the detector starts, spread over days; 10 at least. @default 20 */
  baseline?: number;
  /** At most one false alarm in so many runs on average. @default 365 */
  alarm?: number;
  /** The least standard deviation that is believed, as a share of the metric's range. @default 0.0025 */
  floor?: number;
}
export type CanaryState = 'baseline' | 'quiet' | 'alarm' | 'cannot-tell';
/** One metric of a canary now. */
export interface CanaryFigures {
  metric: string;
  /** By the run's mean and spread, or counted since it was hardly ever true. */
  method: 'scores' | 'rare-events';
  m: number | null;
  uMean: number | null;
  uItems: number | null;
  /** Before the change, or over all runs before the last one. */
  meanBefore: number | null;
  /** Since the change, or of the last run. */
  meanNow: number | null;
}
/** What a canary says now. */
export interface CanaryStatus {
  canary: string;
  state: CanaryState;
  /** Whose change the alarm is about. */
  cause: 'model' | 'judge' | null;
  /** From 1; each has a baseline of its own. */
  series: number;
  began: 'registered' | 'confirmed' | 'judge-moved';
  /** Runs of the series that count, and those that could not be read. */
  runs: number;
  unreadable: number;
  /** Scores that were missing and took their item's earlier mean. */
  nMissing: number;
  baseline: number;
  /** All metrics' e-detectors together; held at an alarm until a person answers. */
  m: number | null;
  threshold: number;
  lastRun: string | null;
  metrics: CanaryFigures[];
  movedMost: string | null;
  mostAffected: { key: string; before: number; now: number }[];
  onset: { number: number; run: string; at: string } | null;
  anchor: { runs: number; m: number | null; alarm: boolean } | null;
  warnings: string[];
  /** All of it in words. */
  sentence: string;
}
/** One entry of a canary's history, and where it stood after it. */
export interface CanaryStep {
  number: number;
  kind: 'run' | 'confirmed' | 'dismissed';
  at: string;
  actor: string | null;
  reason: string | null;
  run: string | null;
  anchor: string | null;
  series: number;
  /** Whether the run counts; one that can't be read does not. */
  used: boolean;
  nMissing: number;
  means: Record<string, number>;
  m: number | null;
  state: CanaryState;
}
/** A few fixed items that are run again and again, and whether the model changed since. */
export class Canary {
  private constructor();
  readonly name: string;
  readonly prompt: string;
  readonly version: number;
  readonly versionId: string;
  readonly dataset: string;
  readonly datasetVersion: number;
  readonly datasetRoot: string;
  readonly items: number;
  readonly metrics: Record<string, { min: number; max: number; boolean: boolean }>;
  readonly scorers: ScorerRef[];
  readonly baseline: number;
  readonly alarm: number;
  readonly floor: number;
  readonly registeredAt: string;
  readonly actor: string | null;
  readonly warnings: string[];
  /**
   * Takes a finished run as the next one. `anchor` is a run in which stored outputs, the same each time, were judged
   * again: if those move, the judge did. The same run again changes nothing.
   */
  record(run: string | Run, options?: { anchor?: string | Run }): CanaryStatus;
  recordAsync(run: string | Run, options?: { anchor?: string | Run }): Promise<CanaryStatus>;
  /** Runs a task on every item, as `Store.evaluate` does, and records the run. */
  evaluate(options: Omit<EvaluateOptions, 'trials'> & { anchor?: string | Run }): Promise<CanaryStatus>;
  status(): CanaryStatus;
  /** Every run and answer, oldest first. */
  history(): CanaryStep[];
  /** Says that the alarm is real: a new baseline begins. */
  confirm(reason: string): CanaryStatus;
  confirmAsync(reason: string): Promise<CanaryStatus>;
  /** Says that the alarm is none: the detector begins anew, and keeps its reference. */
  dismiss(reason: string): CanaryStatus;
  dismissAsync(reason: string): Promise<CanaryStatus>;
}

/**
 * One file of versioned prompts, datasets, runs, traces, scores and gates.
 *
 * A write is durable when it returns. Each has an `…Async` form: calls take effect in the order in which they were
 * made, and those that wait at the same time share a commit.
 */
export class Store {
  private constructor();
  readonly path: string;
  readonly closed: boolean;

  publish(name: string, prompt: string, options?: PublishOptions): TextPrompt;
  publish(name: string, prompt: ReadonlyArray<Message | Placeholder>, options?: PublishOptions): ChatPrompt;
  publish(name: string, prompt: Prompt['prompt'], options?: PublishOptions): Prompt;
  publishAsync(name: string, prompt: string, options?: PublishOptions): Promise<TextPrompt>;
  publishAsync(name: string, prompt: ReadonlyArray<Message | Placeholder>, options?: PublishOptions): Promise<ChatPrompt>;
  publishAsync(name: string, prompt: Prompt['prompt'], options?: PublishOptions): Promise<Prompt>;
  /** The version that a label (by default `production`) points to now, in every process; or another one. */
  get<P extends Prompt = Prompt>(name: string, options?: GetOptions): P;
  /** Oldest first; of a prompt that has many, at most `limit` of those behind number `after`. */
  versions(name: string, page?: { after?: number; limit?: number }): Prompt[];
  prompts(filter?: { prefix?: string; search?: string; tag?: string }): PromptSummary[];
  diff(name: string, a: VersionInput, b: VersionInput): Diff;

  setLabel(name: string, label: string, version: VersionInput, options?: MoveOptions): LabelMove;
  setLabelAsync(name: string, label: string, version: VersionInput, options?: MoveOptions): Promise<LabelMove>;
  unsetLabel(name: string, label: string, options?: { reason?: string }): LabelMove;
  unsetLabelAsync(name: string, label: string, options?: { reason?: string }): Promise<LabelMove>;
  labels(name: string): Record<string, number>;
  history(name: string, label: string): LabelMove[];
  /** Always allowed, also on a protected label. */
  rollback(name: string, label: string, options?: { to?: VersionInput; reason?: string }): LabelMove;
  rollbackAsync(name: string, label: string, options?: { to?: VersionInput; reason?: string }): Promise<LabelMove>;

  /**
   * Binds a gate to a label, and gives its content id. With `auto` the label moves by itself, whenever a run is finished
   * whose version passes, is newer than the one that holds the label and was never rolled back.
   */
  protect(name: string, label: string, gate: GateSpec, options?: { auto?: boolean }): string;
  protectAsync(name: string, label: string, gate: GateSpec, options?: { auto?: boolean }): Promise<string>;
  unprotect(name: string, label: string, reason: string | { reason: string }): void;
  unprotectAsync(name: string, label: string, reason: string | { reason: string }): Promise<void>;
  gate(name: string, label: string): { id: string; dataset: string; checks: CheckSpec[]; inconclusive?: 'allow'; auto: boolean };
  /** Judges a version by the gate of a label, and stores the verdict. Nothing moves. */
  check(name: string, version: VersionInput, label: string): Verdict;
  checkAsync(name: string, version: VersionInput, label: string): Promise<Verdict>;
  /** With `auto` the label moves in the same step if it may. */
  check(name: string, version: VersionInput, label: string, options: { auto?: boolean }): Checked;
  checkAsync(name: string, version: VersionInput, label: string, options: { auto?: boolean }): Promise<Checked>;
  /** Moves a label if its gate lets it; `gate-refused` carries the verdict. */
  promote(name: string, version: VersionInput, options: PromoteOptions): LabelMove;
  promoteAsync(name: string, version: VersionInput, options: PromoteOptions): Promise<LabelMove>;
  verdicts(name: string, label: string): Verdict[];

  dataset(name: string): Dataset;
  datasets(): any[];
  metric(name: string, options?: MetricOptions): void;
  metricAsync(name: string, options?: MetricOptions): Promise<void>;
  metrics(): Record<string, ScoreConfig>;
  /** A scorer's identity, before a run uses it. */
  scorer(scorer: ScorerInput): { id: string; name: string; kind: string; builtIn: boolean; [key: string]: any };

  startRun(version: Prompt | { name: string; number: number; id: string }, dataset: string | Dataset, options?: RunOptions): Run;
  startRunAsync(version: Prompt | { name: string; number: number; id: string }, dataset: string | Dataset, options?: RunOptions): Promise<Run>;
  run(id: string | Run): Run;
  runs(filter?: { prompt?: string }): Run[];
  /** Runs a task over a dataset and finishes the run. Ended half-way, it goes on where it was under the same `name`. */
  evaluate(version: Prompt, dataset: string | Dataset, options: EvaluateOptions): Promise<Run>;
  /** Takes a finished run that holds rubbish out of the evidence, for ever. It still counts as a run. */
  withdrawRun(run: string | Run, reason: string | { reason: string }): Run;
  withdrawRunAsync(run: string | Run, reason: string | { reason: string }): Promise<Run>;
  /** Holds a judge's scores against people's. A gate decides by a judge only if the newest calibration says "usable". */
  calibrate(metric: string, options: CalibrateOptions): Calibration;
  calibrateAsync(metric: string, options: CalibrateOptions): Promise<Calibration>;
  calibrations(filter?: { metric?: string }): Calibration[];
  /** Two runs, paired by item: per metric the difference, its interval, a verdict, and what got worse. */
  compare(a: string | Run, b: string | Run, options?: CompareOptions): Comparison;

  /**
   * Logs one production call of a version and gives the trace's id, at once: it is durable within 200 ms, or when
   * `flush` or `close` returns. What goes wrong later is thrown by those. The promise of `logAsync` is kept when it is durable.
   */
  log(version: VersionInput, options?: LogOptions): string;
  logAsync(version: VersionInput, options?: LogOptions): Promise<string>;
  /** Scores a trace; null is a score that could not be read. Returns as `log` does. */
  score(trace: string | Trace, metric: string, value: Score, options?: ScoreOptions): void;
  scoreAsync(trace: string | Trace, metric: string, value: Score, options?: ScoreOptions): Promise<void>;
  /** Logs up to 100,000 calls, all of them or none, and gives the traces' ids in their order. Durable when it returns. */
  logMany(calls: Iterable<LoggedCall>): string[];
  logManyAsync(calls: Iterable<LoggedCall>): Promise<string[]>;
  /** Scores up to 100,000 times, all of it or nothing, and gives the number of scores. Durable when it returns. */
  scoreMany(scores: Iterable<GivenScore>): number;
  scoreManyAsync(scores: Iterable<GivenScore>): Promise<number>;
  /** Removes calls that were made before a moment, but for those of an experiment without a conclusion. */
  prune(options: { before: TimeInput; prompt?: string }): Pruned;
  pruneAsync(options: { before: TimeInput; prompt?: string }): Promise<Pruned>;
  /** Waits until everything that `log` and `score` were asked for is durable; throws the first error found meanwhile. */
  flush(): void;
  flushAsync(): Promise<void>;
  /** How many calls of `log` and `score` are on their way, durable, dropped and failed. It waits for nothing. */
  recorder(): RecorderStats;
  trace(trace: string | Trace): Trace;
  traces(filter?: TraceFilter): TracePage;
  /** All traces that `traces` finds, newest first; never more than a page of them in memory. */
  iterTraces(filter?: Omit<TraceFilter, 'limit' | 'cursor' | 'order' | 'metric'>): Generator<Trace, void, undefined>;
  /** One metric of a prompt in production; also `latency_ms`, `cost_usd`, `tokens_in` and `tokens_out`. */
  summary(prompt: string, metric: string, options?: SummaryOptions): LiveSummary;
  /** Several metrics, read in one state of the store. */
  summaries(prompt: string, metrics: Iterable<string>, options?: SummaryOptions): LiveSummary[];

  /** Registers a canary; the same again is the one that is there. With nothing but a name, looks one up. */
  canary(name: string, options?: CanaryOptions): Canary;
  canaryAsync(name: string, options?: CanaryOptions): Promise<Canary>;
  /** Where every canary stands. */
  canaries(): CanaryStatus[];
  /** Registers an A/B test on traffic and starts it; with the name alone, the one that is there. */
  experiment(name: string, options?: ExperimentOptions): Experiment;
  experimentAsync(name: string, options?: ExperimentOptions): Promise<Experiment>;
  experiments(): Experiment[];

  events(options?: { after?: number; limit?: number }): Event[];
  verify(): Report;
  /** Copies the store as it is now into a new file, while others read and write, and verifies the copy. */
  backup(to: string): Backup;
  /** What takes the space. */
  space(): SpaceUse;
  /** Makes the file as small as it can be; nobody may be reading or writing at that moment. */
  compact(): { bytesBefore: number; bytes: number };
  info(): { path: string; events: number; lastEventAt: string | null; version: string; [key: string]: any };
  /** Changes whenever a `get` by label may answer differently. */
  registryEpoch(): number;
  /**
   * Closes the handle, after what `log` and `score` were asked for. Asynchronous calls that are under way may be refused;
   * `closeAsync` waits for them.
   */
  close(): void;
  closeAsync(): Promise<void>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Opens a store; makes the file if it is missing. Any number of processes and threads may have it open. */
export function open(path: string | URL, options?: OpenOptions): Store;

/** What is wrong with a file, and what of it can be saved. Works on files that no longer open, and writes nothing to them. */
export function doctor(path: string | URL, options?: DoctorOptions): Diagnosis;
export const stats: {
  /** One procedure of the statistics by its name; inputs and result are the same in every language. */
  runCase(case_: { kind: string; inputs: Record<string, JsonInput> }): Record<string, any>;
};
