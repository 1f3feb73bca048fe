import { spawn } from 'node:child_process';

/** Runs a program to its end; its errors are in the message. @throws Error when it does not end with 0 */
export function run(program: string, args: readonly string[], options: { readonly cwd?: string } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${errors.trim()}`));
    });
  });
}
