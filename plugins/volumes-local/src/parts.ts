import type { ControllerPart } from '@timonel/sdk/controller';
import { cachesAt, type Place } from './caches.ts';
import { capacityPart } from './capacity/part.ts';
import { provisionPart } from './provision/part.ts';
import { resizePart } from './resize/part.ts';
import { volumePart } from './volume/part.ts';

/** The controllers of this plugin. */
export function partsAt(place: Place): readonly ControllerPart[] {
  const inputs = cachesAt(place);
  return [provisionPart, volumePart, resizePart, capacityPart].map((part) => part(place, inputs));
}
