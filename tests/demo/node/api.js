'use strict';

// The service node-api, a child process of node-web: tells it the port, and ends when it is let go.

const stopTracing = require('./tracing').startTracing('node-api');
const http = require('http');

/** Every fifth request fails. */
function answer(request, response) {
  const number = Number(request.url.slice('/numbers/'.length));
  response.statusCode = number % 5 === 0 ? 500 : 200;
  response.end(String(number));
}

const server = http.createServer(answer);
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => {
  server.close(() => stopTracing().then(() => process.exit(0), () => process.exit(1)));
});
