/** Thousands of requests that are refused or only tried: nothing of them stays in the server. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.stop();
});

describe('the memory of the server', () => {
  it('does not grow with requests that leave nothing behind', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const round = async (index: number): Promise<void> => {
      const name = `m${index}`;
      const wrong = { metadata: { name, labels: { [`bad key ${index}`]: 'x'.repeat(2000) } } };
      const cm = '/api/v1/namespaces/default/configmaps';
      await Promise.all([
        server.send('POST', cm, { body: wrong }),
        server.send('POST', `${cm}?dryRun=All`, { body: { metadata: { name }, data: { index: 'x'.repeat(2000) } } }),
        server.send('GET', `${cm}/${name}?resourceVersion=0`),
        server.send('GET', `${cm}?labelSelector=k${index}%3Dv&fieldSelector=metadata.name%3D${name}`),
        server.send('PATCH', `${cm}/${name}`, {
          type: 'application/merge-patch+json',
          body: { data: { [name]: 'x' } },
        }),
        server.send('GET', `/apis/g${index}.example.com/v1/things/${name}`),
        server.send('POST', `${cm}?fieldManager=f${index}&dryRun=All`, {
          type: 'application/yaml',
          body: `metadata: {name: ${name}}`,
        }),
        server.send('GET', cm, { token: `wrong-token-${index}-${'x'.repeat(200)}` }),
      ]);
    };
    const usedMiB = async (from: number, count: number): Promise<number> => {
      for (let index = from; index < from + count; index += 1) await round(index);
      collect();
      await new Promise<void>((resolve) => setImmediate(resolve));
      collect();
      return process.memoryUsage().heapUsed / 1024 ** 2;
    };
    // Until caches are full and code is compiled.
    const before = await usedMiB(0, 1500);
    const after = await usedMiB(10_000, 500);
    // A quarter of a KB of each of 4000 requests.
    expect(after - before).toBeLessThan(1);
  }, 120_000);
});
