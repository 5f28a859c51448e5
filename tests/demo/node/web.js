'use strict';

// The service node-web: `node web.js COUNT` makes COUNT requests to node-api, one trace each, sends all spans and ends.

const stopTracing = require('./tracing').startTracing('node-web');
const { fork } = require('child_process');
const { once } = require('events');
const http = require('http');
const path = require('path');

/** One request; kept once the whole answer is read. */
async function ask(port, number) {
  const request = http.get({ host: '127.0.0.1', port, path: `/numbers/${number}`, agent: false });
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
}

async function main(count) {
  const api = fork(path.join(__dirname, 'api.js'));
  const ended = once(api, 'exit');
  const [{ port }] = await once(api, 'message');
  for (let number = 1; number <= count; number += 1) {
    await ask(port, number);
  }
  api.disconnect();
  const [code] = await ended;
  await stopTracing();
  return code;
}

main(Number(process.argv[2])).then((code) => process.exit(code ?? 1));
