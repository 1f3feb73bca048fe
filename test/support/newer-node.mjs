// To be loaded before @kubernetes/client-node 2: its HTTP client is for newer versions of Node.js and asks for three functions of
// theirs, of which only the last does anything here.
import workerThreads from 'node:worker_threads';
import zlib from 'node:zlib';

zlib.createZstdDecompress ??= zlib.createBrotliDecompress;
workerThreads.markAsUncloneable ??= () => undefined;
Promise.withResolvers ??= function withResolvers() {
  let settle;
  const promise = new this((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
};
