// Benchmarks of the built tree: `npm run bench -- NAME…`. They lie in test/bench; without a name they are listed.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../test/bench/main.ts');
process.exit(await main(process.argv.slice(2)));
