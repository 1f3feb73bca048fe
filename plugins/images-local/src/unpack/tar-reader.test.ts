import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { paxRecords, writeTar } from '@timonel/testkit/contracts/images';
import { TarReader } from './tar-reader.ts';

/** What a reader makes of bytes that come in pieces: entries with their contents, and whether the end was one. */
function read(bytes: Uint8Array, cuts: readonly number[]): { entries: string[]; fault: string } {
  const entries: string[] = [];
  const reader = new TarReader({
    entry: ({ name, type, size }) => void entries.push(`${type} ${name} ${size} `),
    data: (piece) => void entries.push(`${entries.pop() ?? ''}${Buffer.from(piece).toString('hex')}`),
    end: () => void entries.push(`${entries.pop() ?? ''}.`),
  });
  const at = [0, ...[...cuts].sort((a, b) => a - b).map((cut) => cut % (bytes.length + 1)), bytes.length];
  try {
    for (const [i, from] of at.sort((a, b) => a - b).entries()) reader.push(bytes.subarray(from, at[i + 1] ?? from));
    reader.finish();
    return { entries, fault: '' };
  } catch (error) {
    const { name, reason } = error as { name: string; reason?: string };
    return { entries, fault: `${name} ${reason}` };
  }
}

const sample = writeTar([
  { name: 'g', type: 'g', content: paxRecords({ comment: 'c' }) },
  { name: 'dir/', type: '5' },
  { name: 'h', type: 'x', content: paxRecords({ path: `dir/${'n'.repeat(200)}`, mtime: '1.5' }) },
  { name: 'short', content: Buffer.alloc(700, 5) },
  { name: 'L', type: 'L', content: `${'l'.repeat(300)}\0` },
  { name: 'x', type: '1', link: 'dir/a' },
  { name: 'last', content: 'x' },
]);

it('reads the same whatever the pieces are', () => {
  const whole = read(sample, []);
  expect(whole.entries).toHaveLength(4);
  expect(whole.fault).toBe('');
  const cuts = fc.array(fc.nat(sample.length), { maxLength: 30 });
  fc.assert(
    fc.property(cuts, (some) => expect(read(sample, some)).toEqual(whole)),
    { numRuns: 200 },
  );
});

it('takes or refuses any bytes, and never fails otherwise', () => {
  const changes = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(changes, fc.nat(sample.length), fc.boolean(), (some, cut, mendSums) => {
      const bytes = Buffer.from(sample);
      for (const [at, value] of some) bytes[at] = value;
      if (mendSums) mend(bytes);
      expect(['', 'ImageError CorruptImage']).toContain(read(bytes.subarray(0, cut), []).fault);
    }),
    { numRuns: 2000 },
  );
});

/** Gives every block that could be a header the checksum it needs, so that what is behind the sum is reached. */
function mend(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(7, '0')}\0`, 148, 'latin1');
  }
}
