import { register } from 'tsx/esm/api';

register();
const { runNode } = await import('./sync-node.ts');
await runNode(JSON.parse(process.argv[2] ?? '{}'));
