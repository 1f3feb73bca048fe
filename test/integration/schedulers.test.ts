/** Every scheduler that comes with Timonel, and the examples: the same checks for all. */
import type { AnyPlugin } from '@timonel/sdk';
import schedulerGang from '@timonel/plugin-scheduler-gang';
import schedulerSpread from '@timonel/plugin-scheduler-spread';
import { schedulerContract } from '@timonel/testkit/contracts/scheduler';
import schedulerBinpack from '../../plugins/scheduler-binpack/src/next.ts';
import schedulerDefault from '../../plugins/scheduler-default/src/next.ts';

const schedulers: readonly AnyPlugin[] = [schedulerDefault, schedulerBinpack, schedulerSpread, schedulerGang];

for (const definition of schedulers) schedulerContract(definition.name, { definition, source: 'built-in' });
