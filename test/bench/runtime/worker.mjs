import { register } from 'tsx/esm/api';

register();
const { work } = await import('./worker.ts');
const [directory = '', rounds = ''] = process.argv.slice(2);
await work(directory, Number(rounds));
process.exit(0);
