import { register } from 'tsx/esm/api';

register();
const { serveNames } = await import('./dns-server.ts');
await serveNames(JSON.parse(process.argv[2] ?? '{}'));
