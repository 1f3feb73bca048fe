/** Lists, maps and messages that expressions make. */
import type { CelObjectType } from '../types/type.ts';
import { CelList } from '../values/list.ts';
import { CelValueMap } from '../values/map.ts';
import { CelMessage } from '../values/object.ts';
import { CelError, CelOptional, isError, noSuchOverload, type CelValue } from '../values/value.ts';
import type { Frame, Step } from './frame.ts';

interface Part {
  readonly optional: boolean;
  readonly step: Step;
}

export const listCost = 10;
export const mapCost = 30;
export const messageCost = 40;

/** Undefined: an optional part that is absent. */
function valueOf({ optional, step }: Part, frame: Frame): CelValue | undefined {
  const value = step(frame);
  if (!optional || isError(value)) return value;
  return value instanceof CelOptional ? value.value : noSuchOverload();
}

export function listStep(parts: readonly Part[]): Step {
  return (frame) => {
    const items: CelValue[] = [];
    for (const part of parts) {
      const value = valueOf(part, frame);
      if (value === undefined) continue;
      if (isError(value)) return value;
      items.push(value);
    }
    frame.charge(listCost);
    return CelList.of(items);
  };
}

export function mapStep(parts: readonly (Part & { readonly key: Step })[]): Step {
  return (frame) => {
    const map = new CelValueMap();
    for (const part of parts) {
      const key = part.key(frame);
      if (isError(key)) return key;
      const value = valueOf(part, frame);
      if (value === undefined) continue;
      if (isError(value)) return value;
      const problem = map.add(key, value);
      if (problem !== undefined) return problem;
    }
    frame.charge(mapCost);
    return map;
  };
}

export function messageStep(
  type: CelObjectType | undefined,
  parts: readonly (Part & { readonly name: string })[],
): Step {
  if (type === undefined) return () => new CelError('unknown type');
  return (frame) => {
    const values = new Map<string, CelValue>();
    for (const part of parts) {
      const value = valueOf(part, frame);
      if (value === undefined) continue;
      if (isError(value)) return value;
      values.set(part.name, value);
    }
    frame.charge(messageCost);
    return new CelMessage(type, values);
  };
}
