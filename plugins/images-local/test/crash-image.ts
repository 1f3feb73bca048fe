/** The image of the crash tests, the same in every process. */
import { createHash } from 'node:crypto';
import { FakeRegistry } from '../../../sdk/testkit/src/contracts/images/fake-registry.ts';
import { writeTar } from '../../../sdk/testkit/src/contracts/images/tar-writer.ts';

export const crashReference = 'registry.example/crash:1';

/** Bytes that do not compress. */
function noise(seed: number, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) parts.push(createHash('sha256').update(`${seed} ${i}`).digest());
  return Buffer.concat(parts);
}

export function crashRegistry(): FakeRegistry {
  const registry = new FakeRegistry();
  const layers = [1, 2, 3].map((seed) =>
    writeTar(
      Array.from({ length: 10 }, (_, i) => ({ name: `d${seed}/f${i}`, content: noise(seed * 100 + i, 50_000) })),
    ),
  );
  registry.add('crash:1', { layers });
  return registry;
}
