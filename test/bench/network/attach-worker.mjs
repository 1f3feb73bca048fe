import { register } from 'tsx/esm/api';

register();
const { measureAttach } = await import('./attach-worker.ts');
const [directory = '', rounds = ''] = process.argv.slice(2);
await measureAttach(directory, Number(rounds));
process.exit(0);
