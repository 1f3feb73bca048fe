/** Tells of flow schemas whose priority level is not there. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { flowSchemas, isConflict, isNotFound, type Condition, type FlowSchema } from '@timonel/sdk/kube';

/** The condition that the schema should have; undefined: it has it. */
export function danglingCondition(schema: FlowSchema, isThere: boolean, timestamp: string): Condition | undefined {
  const { name } = schema.spec.priorityLevelConfiguration;
  const wanted: Condition = isThere
    ? {
        type: 'Dangling',
        status: 'False',
        reason: 'Found',
        message: `This FlowSchema references the PriorityLevelConfiguration object named "${name}" and it exists`,
      }
    : {
        type: 'Dangling',
        status: 'True',
        reason: 'NotFound',
        message: `This FlowSchema references the PriorityLevelConfiguration object named "${name}" but there is no such object`,
      };
  const found = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
  if (found?.status === wanted.status && found.message === wanted.message) return undefined;
  return { ...wanted, lastTransitionTime: timestamp };
}

/** @throws ApiError but NotFound and Conflict: then it is told anew by the next change */
export async function tellDangling(api: ApiClient, schema: FlowSchema, condition: Condition): Promise<void> {
  const others = (schema.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  try {
    await api.updateStatus(flowSchemas, { ...schema, status: { conditions: [...others, condition] } });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
