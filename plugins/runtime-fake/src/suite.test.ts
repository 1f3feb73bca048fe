import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('runtime-fake', () => ({ entry: { definition: plugin, source: 'built-in' }, dependencies: [] }));
