// Compiled, never run: what must be accepted, and what must not.
import trialplate, {
  Canary, Check, Gate, open, output, Prompt, Run, Scorer, stats, TrialplateError,
  type CanaryStatus, type ChatPrompt, type Comparison, type LabelMove, type Message, type Store, type TextPrompt, type Verdict,
} from 'trialplate';

const store: Store = open('prompts.tp', { readOnly: false, busyTimeout: 1.5, actor: 'ada' });
open(new URL('file:///x.tp'));
// @ts-expect-error: it is readOnly
open('x', { readonly: true });

const v: TextPrompt = store.publish('p', 'Hello {{name}}', { params: { temperature: 0 }, tags: ['a'], labels: ['staging'] });
const c: ChatPrompt = store.publish('c', [{ role: 'user', content: null }, { type: 'placeholder', name: 'history' }]);
const text: string = v.compile({ name: undefined, other: new Date(), n: 5n });
const messages: Message[] = c.compile({ history: [] });
const got = store.get('p', { label: 'staging' });
if (got.type === 'text') got.compile({ name: 'x' }).toUpperCase();
else got.compile().map((m) => m.role);
const asText: string = store.get<TextPrompt>('p', { at: new Date() }).compilePartial();
const isPrompt: boolean = (got as unknown) instanceof Prompt;
// @ts-expect-error: prompts are frozen
v.number = 2;
// @ts-expect-error: no such option
store.get('p', { labell: 'x' });

const step: LabelMove = store.setLabel('p', 'staging', v, { expected: null, reason: 'r' });
store.rollback('p', 'staging', { to: 1 });
const promised: Promise<LabelMove> = store.promoteAsync('p', v, { to: 'production', override: 'r', expected: 1 });

const ds = store.dataset('golden');
ds.add([{ key: 'a', input: { x: 1 }, expected: null }]);
const gate = new Gate({ dataset: ds, checks: [Check.itemFloor('q', 1), Check.rate('q', { atMost: 0.1 }), Check.format()] });
store.protect('p', 'production', gate);
store.protect('p', 'production', store.gate('p', 'production'));
const verdict: Verdict = store.check('p', v, 'production');

const canary: Canary = store.canary('daily', { version: v, dataset: ds, metrics: ['q'], scorers: [Scorer.exact()], alarm: 100 });
const canaryStatus: CanaryStatus = canary.record('run', { anchor: 'other' });
if (canaryStatus.state === 'alarm') canary.dismiss(`${canaryStatus.cause}`).sentence.toUpperCase();
// @ts-expect-error: a reason is needed
canary.confirm();
// @ts-expect-error: a canary calls the model once
canary.evaluate({ task: () => 'x', trials: 2 });

const traceId: string = store.log(v, { input: { x: 1 }, error: new Error('x'), latencyMs: 1, at: new Date(), durable: true });
store.score(traceId, 'q', null, { source: 'judge', judge: Scorer.judge('q', {}) });
// @ts-expect-error: no such source
store.score(traceId, 'q', 1, { source: 'crowd' });
const figures: Array<number | null> = store.summary('p', 'q', { by: 'version', since: 0 }).groups.map((g) => g.mean);
const next: string | null = store.traces({ version: v, limit: 10 }).next;
ds.addFromTrace(store.trace(traceId), { expected: next });

async function main(): Promise<void> {
  const run: Run = await store.evaluate(v, ds.at(1), {
    task: async (item, prompt) => output(prompt.compile({ name: item.input.x }), { costUsd: 0.1 }),
    scorers: [Scorer.exact(), Scorer.function('q', (out: string) => out.length), 'human'],
    concurrency: 8,
  });
  for (const item of run.pending()) run.record(item, { output: 1, scores: { q: null }, latencyMs: 1 });
  const found: Comparison = store.compare(run, run.id);
  const low: number | null | undefined = found.metrics.q?.ciLow;
  const more = store.compare(run, run.id, { primary: ['q'], alpha: 0.1, margin: { q: 0.2 }, cluster: 'doc', noise: [run, run.id] });
  const half: number | undefined = more.metrics.q?.noiseFloor?.halfWidth;
  const median: number | null | undefined = more.figures.latencyMs?.p50.diff;
  // @ts-expect-error a margin is a number
  store.compare(run, run.id, { margin: { q: '0.2' } });
  await store.closeAsync();
  void [low, half, median];
}

try {
  store.get('nope');
} catch (error) {
  if (error instanceof TrialplateError && error.code === 'gate-refused') error.verdict?.checks.map((x) => x.nMissing);
}
const low: unknown = stats.runCase({ kind: 'wilson', inputs: { k: 0, n: 10 } }).low;
trialplate.open('x')[Symbol.dispose]();
void [text, messages, asText, isPrompt, step, promised, verdict, low, main, figures];
