import { parseQuantity } from '@timonel/sdk/kube';
import { z } from 'zod';
import { measureDisk } from './node/directories.ts';

export interface LocalConfig {
  readonly nodeName: string;
  readonly directory: string;
  readonly capacity: string | undefined;
  readonly storageClass: string;
  readonly isDefault: boolean;
  readonly reclaimPolicy: 'Delete' | 'Retain';
  readonly namespace: string;
}

export const configSchema: z.ZodType<LocalConfig> = z.strictObject({
  /** Name of the Node object of this machine. */
  nodeName: z.string().min(1),
  /** Where the directories are made. Default: in the data directory of the plugin. */
  directory: z.string().default(''),
  /** How much all volumes together may have: `100Gi`. Default: the size of the file system. */
  capacity: z
    .union([z.string(), z.number()])
    .transform(String)
    .refine((text) => (parseQuantity(text) ?? -1) >= 0, 'must be a quantity, like 100Gi')
    .optional(),
  /** The storage class that is made at the start when it is absent. Empty: none is. */
  storageClass: z.string().default('local'),
  /** Claims that name no class get it. Only looked at when the class is made. */
  isDefault: z.boolean().default(true),
  reclaimPolicy: z.enum(['Delete', 'Retain']).default('Delete'),
  /** Where the node tells how much room it has. */
  namespace: z.string().default('kube-system'),
}) as z.ZodType<LocalConfig>;

export async function totalBytes({ capacity }: LocalConfig, directory: string): Promise<number> {
  if (capacity !== undefined) return Math.floor(parseQuantity(capacity) ?? 0);
  return (await measureDisk(directory)).sizeBytes;
}
