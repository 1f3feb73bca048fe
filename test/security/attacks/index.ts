import type { Attack } from '../attack.ts';
import { callAttacks } from './calls.ts';
import { deviceAttacks } from './devices.ts';
import { enteringAttacks } from './entering.ts';
import { imageAttacks } from './image.ts';
import { layerAttacks } from './layers.ts';
import { kernelFileAttacks } from './kernel-files.ts';
import { mountAttacks } from './mounts.ts';
import { processAttacks } from './processes.ts';
import { resourceAttacks } from './resources.ts';
import { volumeAttacks } from './volumes.ts';

export const attacks: readonly Attack[] = [
  ...processAttacks,
  ...kernelFileAttacks,
  ...mountAttacks,
  ...volumeAttacks,
  ...deviceAttacks,
  ...enteringAttacks,
  ...imageAttacks,
  ...layerAttacks,
  ...callAttacks,
  ...resourceAttacks,
];
