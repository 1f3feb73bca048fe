// grpc.health.v1.Health on port 5000, for the image of the node itself: SERVING, and NOT_SERVING after so many seconds (0: never).
const { createServer } = require('node:http2');
const seconds = Number(process.argv[1]);
const ends = seconds > 0 ? performance.now() + seconds * 1000 : Infinity;
createServer()
  .on('stream', (stream, headers) => {
    const known = headers[':path'] === '/grpc.health.v1.Health/Check';
    stream.on('error', () => undefined);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '12' }));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    // A message of 2 bytes, not compressed: field 1 is 1 (SERVING) or 2 (NOT_SERVING).
    stream.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, performance.now() < ends ? 1 : 2]) : undefined);
  })
  .listen(5000);
process.on('SIGTERM', () => process.exit(0));
