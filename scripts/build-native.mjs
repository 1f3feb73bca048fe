// Builds the native side of the container runtimes. A machine without make or a compiler gets one clear line, and everything else
// still works: pods then run as plain processes.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

for (const plugin of ['runtime-linux', 'runtime-oci']) {
  const directory = join(import.meta.dirname, '..', 'plugins', plugin, 'native');
  const made = spawnSync('make', ['--no-print-directory', '-C', directory], { stdio: 'inherit' });
  if (made.error?.code === 'ENOENT') {
    console.log(
      'timonel: no make: isolated containers need it (apt-get install make gcc libc6-dev, then npm run build:native).',
    );
    break;
  }
  if (made.status !== 0) process.exit(made.status ?? 1);
}
