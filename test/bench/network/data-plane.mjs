import { register } from 'tsx/esm/api';

register();
const { serveRules } = await import('./data-plane.ts');
await serveRules(process.argv[2], process.argv[3], Number(process.argv[4]));
