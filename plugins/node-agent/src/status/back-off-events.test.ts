import { describe, expect, it } from '@jest/globals';
import type { PodStatus } from '@timonel/sdk/kube';
import { podWith } from '../plan/testing.ts';
import { newBackOffs } from './back-off-events.ts';

const withReason = (reason: string | undefined): PodStatus => ({
  containerStatuses: [
    {
      name: 'c',
      image: 'web:1',
      imageID: '',
      ready: false,
      restartCount: 1,
      lastState: {},
      state: reason === undefined ? { running: {} } : { waiting: { reason } },
    },
  ],
});

describe('newBackOffs', () => {
  it('tells when a container begins to back off, and not while it goes on', () => {
    expect(newBackOffs(podWith(), withReason(undefined), withReason('CrashLoopBackOff'))).toEqual([
      {
        type: 'Warning',
        reason: 'BackOff',
        message: 'Back-off restarting failed container c in pod web_default(uid-1)',
      },
    ]);
    expect(newBackOffs(podWith(), withReason('CrashLoopBackOff'), withReason('CrashLoopBackOff'))).toEqual([]);
    expect(newBackOffs(podWith(), withReason('ErrImagePull'), withReason('ImagePullBackOff'))).toEqual([
      { type: 'Normal', reason: 'BackOff', message: 'Back-off pulling image "web:1"' },
      { type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' },
    ]);
    expect(newBackOffs(podWith(), undefined, withReason('ContainerCreating'))).toEqual([]);
  });
});
