import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { z } from 'zod';
import { CliError } from '../errors.ts';

const schema = z.strictObject({
  version: z.literal(1),
  /** What operators switched on or off on the running cluster; stronger than the profile. */
  plugins: z.record(
    z.string(),
    z.strictObject({ enabled: z.boolean(), source: z.string(), config: z.unknown().optional() }),
  ),
});

export type DesiredState = z.output<typeof schema>;

/** Reads what operators decided before; a missing file is an empty state. @throws CliError when it is damaged. */
export function readDesiredState(file: string): DesiredState {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, plugins: {} };
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CliError(
      `${file} is damaged: repair it, or delete it to forget which plugins were enabled and disabled by hand.`,
      1,
      { cause },
    );
  }
}

/** Replaces the file in one step, so that a crash leaves the old or the new one. */
export async function writeDesiredState(file: string, state: DesiredState): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
