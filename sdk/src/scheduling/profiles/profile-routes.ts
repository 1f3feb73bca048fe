/** Routes to look at the profiles of the scheduler in charge, and to change them. */
import { parseRouteBody, type Route, type SubresourceResponse } from '../../contracts/api-server/index.ts';
import { ApiError } from '../../kube/index.ts';
import type { ProfileProblem } from './check-profiles.ts';
import { profilesBody } from './profile-config.ts';
import type { LiveProfiles } from './profile-scheduler.ts';

const apiVersion = 'scheduling.timonel.dev/v1';
const kind = 'SchedulerProfiles';

function answer(profiles: LiveProfiles): SubresourceResponse {
  const { name, changes, available, absent, scheduler } = profiles;
  const object = {
    kind,
    apiVersion,
    metadata: { name },
    spec: { profiles: changes },
    status: { profiles: scheduler.settings(), available, absent, faults: scheduler.traits.faults?.() ?? [] },
  };
  return { kind: 'object', status: 200, object };
}

function invalid(name: string, problems: readonly ProfileProblem[]): ApiError {
  const causes = problems.map(({ field, reason, message }) => ({ field: `spec.${field}`, reason, message }));
  const text = causes.map(({ field, message }) => `${field}: ${message}`).join(', ');
  return new ApiError('Invalid', `${kind} "${name}" is invalid: ${text}`, { name, kind, causes });
}

export function profileRoutes(profiles: LiveProfiles): Route[] {
  const path = `/apis/${apiVersion}/profiles`;
  return [
    { method: 'GET', path, handle: () => Promise.resolve(answer(profiles)) },
    {
      method: 'PUT',
      path,
      async handle({ body }) {
        const { spec } = parseRouteBody(profilesBody, body);
        const problems = profiles.set(spec.profiles);
        if (problems.length > 0) throw invalid(profiles.name, problems);
        return answer(profiles);
      },
    },
  ];
}
