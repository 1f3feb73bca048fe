/** Keys as they stand in paths of JSON patches (RFC 6901). */
import { stringType } from '../types/type.ts';
import { overload, textCost, type Overload } from './overload.ts';

export const jsonPatch: readonly Overload[] = [
  overload('jsonpatch.escapeKey', {
    takes: [stringType],
    gives: stringType,
    cost: (size = 0) => textCost(size),
    resultSize: (size = 0) => size * 2,
    run: (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1'),
  }),
];
