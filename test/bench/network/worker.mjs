import { mkdir } from 'node:fs/promises';
import { register } from 'tsx/esm/api';
import { mustRun } from '@timonel/sdk/command';

register();
const [part = '', directory = '', rounds = ''] = process.argv.slice(2);
await mkdir('/run/netns', { recursive: true });
await mustRun('mount', ['-t', 'tmpfs', 'tmpfs', '/run/netns']);
await mustRun('ip', ['link', 'set', 'lo', 'up']);
const { work } = await import(`./${part}-worker.ts`);
console.log(JSON.stringify(await work(directory, Number(rounds))));
process.exit(0);
