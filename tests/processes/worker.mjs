// Answers requests on stdin with a store that stays open: move, get, publish.
import readline from 'node:readline';
import { open } from '../../bindings/node/index.mjs';

const store = open(process.argv[2]);
const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');
say('ready');
for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.do === 'move') {
    store.setLabel(request.name, request.label, request.to);
    say(request.to);
  } else if (request.do === 'get') {
    say(store.get(request.name, { label: request.label }).number);
  } else {
    say(store.publish(request.name, request.text).number);
  }
}
store.close();
