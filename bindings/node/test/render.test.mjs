import assert from 'node:assert/strict';
import { test } from 'node:test';
import { code, temporary } from './helpers.mjs';

test('values are texts, nothing, or canonical JSON', (t) => {
  const store = temporary(t);
  const p = store.publish('p', '[{{ a }}]');
  const cases = [
    ['text', 'text'],
    ['', ''],
    [null, ''],
    [undefined, ''],
    [true, 'true'],
    [0, '0'],
    [-0, '0'],
    [1.5, '1.5'],
    [1e21, '1e+21'],
    [12345678901234567890n * 0n, '0'],
    [2n ** 53n, '9007199254740992'],
    [[1, 'x', null], '[1,"x",null]'],
    [{ b: 1, a: { 'ü€😀': '"' } }, '{"a":{"ü€😀":"\\""},"b":1}'],
    [{ left: undefined, kept: null }, '{"kept":null}'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [{ toJSON: () => 'from toJSON' }, 'from toJSON'],
    ['{{a}} {{ b }}', '{{a}} {{ b }}'],
    ['nul \0 \u2028 ü€😀', 'nul \0 \u2028 ü€😀'],
    ['\ufffd', '\ufffd'],
  ];
  for (let round = 0; round < 2; round++) {
    for (const [value, text] of cases) assert.equal(p.compile({ a: value }), `[${text}]`);
  }
});

test('the quick way and the JSON way give the same text', (t) => {
  const store = temporary(t);
  const p = store.publish('p', '€{{a}}😀{{ b }}-{{a}}{{c.d}}');
  const texts = ['', 'x', 'ü', '€', '😀', '\ufffd', 'a'.repeat(5000), '😀'.repeat(3000), 'ü'.repeat(4095), 'x'.repeat(4090) + '€€'];
  p.compile({ a: '', b: '', 'c.d': '' });
  for (const a of texts) {
    for (const b of texts) {
      const expected = `€${a}😀${b}-${a}!`;
      assert.equal(p.compile({ a, b, 'c.d': '!' }), expected);
      assert.equal(p.compileAs('strict', { a, b, 'c.d': '!' }), expected);
    }
  }
});

test('a missing value is an error that names all of them', (t) => {
  const store = temporary(t);
  const p = store.publish('p', '{{a}}{{b}}{{toString}}');
  for (let round = 0; round < 2; round++) {
    assert.throws(() => p.compile(), code('missing-variable', 'invalid'));
    assert.throws(() => p.compile({}), /a, b, toString/);
    assert.throws(() => p.compile({ a: '1', bee: () => 1 }), /missing=`b, toString`.*bee/);
  }
  const inherited = Object.create({ a: '1', b: '2', toString: '3' });
  assert.throws(() => p.compile(inherited), code('missing-variable'));
  assert.equal(p.compilePartial({ a: 1, b: undefined }), '1{{toString}}');
  assert.equal(store.publish('q', 'no variables').compile(), 'no variables');
});

test('what JSON would lose is refused', (t) => {
  const store = temporary(t);
  const p = store.publish('p', '{{a}}{{b}}');
  p.compile({ a: '', b: '' });
  const circle = {};
  circle.circle = circle;
  const refused = [
    '\ud83d', '\ude00x', NaN, Infinity, 2n ** 53n + 1n, new Map([['a', 1]]), new Set([1]), () => 1, Symbol('a'), circle,
    Promise.resolve(1), /x/, new Uint8Array(2), Buffer.from('a'), new Date(NaN), [NaN], { deep: [{ x: '\ud83d' }] }, { '\ud83d': 1 },
  ];
  for (const value of refused) {
    assert.throws(() => p.compile({ a: value, b: 'x' }), code('invalid-json', 'invalid'), String(value));
    assert.throws(() => store.publish('q', 'x', { params: { value } }), code('invalid-json'));
  }
  // Two halves do not make a whole.
  assert.throws(() => p.compile({ a: 'x\ud83d', b: '\ude00y' }), code('invalid-json'));
  assert.throws(() => p.compile(new Map([['a', '1'], ['b', '2']])), code('invalid-json'));
  for (const values of [null, 'text', 5, [1]]) assert.throws(() => p.compile(values), code('invalid-json'));
  assert.throws(() => store.publish('q', 'half \ud83d'), code('invalid-json'));
  assert.throws(() => store.get('half \ud83d'), code('invalid-json'));
  assert.deepEqual(store.prompts().map(({ name }) => name), ['p']);
});

test('chat prompts', (t) => {
  const store = temporary(t);
  const p = store.publish('chat', [
    { role: 'system', content: 'You are {{who}}.', cache_control: { type: 'ephemeral' } },
    { type: 'placeholder', name: 'history' },
    { role: 'user', content: [{ type: 'text', text: '{{question}}' }] },
    { role: 'assistant', content: null },
  ]);
  assert.equal(p.type, 'chat');
  assert.deepEqual(p.variables, ['who', 'question']);
  assert.deepEqual(p.placeholders, ['history']);
  const history = [{ role: 'user', content: '{{who}}', tool_calls: [{ some_key: 1 }] }];
  const expected = [
    { role: 'system', content: 'You are Ada.', cache_control: { type: 'ephemeral' } },
    ...history,
    { role: 'user', content: [{ type: 'text', text: 'Why?' }] },
    { role: 'assistant', content: null },
  ];
  assert.deepEqual(p.compile({ who: 'Ada', question: 'Why?', history }), expected);
  assert.throws(() => p.compile({ who: 'Ada', question: 'Why?' }), /history/);
  assert.throws(() => p.compile({ who: 'Ada', question: 'Why?', history: 'x' }), code('invalid-placeholder'));
  assert.equal(p.compilePartial({ who: 'Ada' })[0].content, 'You are Ada.');
});

test('the ways of other tools', (t) => {
  const store = temporary(t);
  const p = store.publish('p', '{{a}}|{{b}}|{{o.k}}');
  assert.equal(p.compileAs('langfuse', { a: true }), 'True|{{b}}|{{o.k}}');
  assert.equal(p.compileAs('langfuse-js', { a: true, o: { k: 'v' } }), 'true||v');
  assert.throws(() => p.compileAs('mustache', {}), code('invalid-argument'));
});
