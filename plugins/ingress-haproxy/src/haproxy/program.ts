import { errorMessage } from '@timonel/sdk';
import { run } from '@timonel/sdk/command';

const least = [2, 6] as const;

/** @throws Error that says what to install, when the program is absent or too old */
export async function checkProgram(program: string): Promise<void> {
  const told = await run(program, ['-v']).catch((error: unknown) => {
    throw new Error(
      `${errorMessage(error)}: install haproxy (Debian: apt install haproxy), or say where it is by "program"`,
    );
  });
  const [, major, minor] = /version (\d+)\.(\d+)/i.exec(told.stdout) ?? [];
  const version = [Number(major), Number(minor)];
  const isOld = (version[0] ?? 0) < least[0] || (version[0] === least[0] && (version[1] ?? 0) < least[1]);
  if (major === undefined || isOld)
    throw new Error(`${program} is not haproxy ${least.join('.')} or newer: ${told.stdout.split('\n')[0] ?? ''}`);
}
