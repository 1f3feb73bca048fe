import { describe, expect, it } from '@jest/globals';
import type { ConfigMap, Container, Secret } from '@timonel/sdk/kube';
import { container, podWith } from '../plan/testing.ts';
import { environmentOf } from './env.ts';

const configMap: ConfigMap = {
  metadata: { name: 'cm' },
  data: { text: 'one' },
  binaryData: { bytes: Buffer.from([0xff]).toString('base64') },
};
const secret: Secret = {
  metadata: { name: 'sec' },
  data: {
    text: Buffer.from('zwei Ähren').toString('base64'),
    bytes: Buffer.from([0x61, 0xff]).toString('base64'),
    nul: Buffer.from('a\0b').toString('base64'),
  },
};
const environment = async (changes: Partial<Container>): Promise<object> =>
  Object.fromEntries(
    await environmentOf({
      pod: podWith(),
      container: container('c', changes),
      facts: { nodeName: 'n', nodeAddress: '', podAddresses: [], allocatable: {} },
      sources: { configMap: async () => configMap, secret: async () => secret },
      services: new Map(),
    }),
  );
const from = (valueFrom: object) => environment({ env: [{ name: 'A', valueFrom }] });

describe('the environment from objects', () => {
  it('is text', async () => {
    expect(await from({ configMapKeyRef: { name: 'cm', key: 'text' } })).toEqual({ A: 'one' });
    expect(await from({ secretKeyRef: { name: 'sec', key: 'text' } })).toEqual({ A: 'zwei Ähren' });
    expect(await environment({ envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }] })).toEqual({ P_text: 'one' });
  });

  it.each([
    ['bytes of a ConfigMap', { configMapKeyRef: { name: 'cm', key: 'bytes' } }, "couldn't find key bytes in ConfigMap"],
    ['no UTF-8', { secretKeyRef: { name: 'sec', key: 'bytes' } }, 'key bytes in Secret default/sec is not text'],
    ['a NUL', { secretKeyRef: { name: 'sec', key: 'nul' } }, 'mount it as a volume'],
    ['no such key', { secretKeyRef: { name: 'sec', key: 'none' } }, "couldn't find key none in Secret default/sec"],
  ])('is refused: %s', async (_what, valueFrom, message) => {
    await expect(from(valueFrom)).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining(message),
    });
  });

  it('is refused as a whole where one value is no text', async () => {
    await expect(environment({ envFrom: [{ secretRef: { name: 'sec' } }] })).rejects.toMatchObject({
      message: expect.stringMatching(/^key (bytes|nul) in Secret default\/sec is not text/),
    });
  });
});
