import { calmNetwork, type NetworkConditions } from '../parts/network.ts';
import type { SimRandom } from '../parts/random.ts';
import type { ClusterTuning } from './cluster.ts';

/** `healNetwork` is none: it opens the links that others cut. */
export type Fault =
  | 'none'
  | 'crash'
  | 'crashAll'
  | 'duel'
  | 'churn'
  | 'figure8'
  | 'forgottenVote'
  | 'pause'
  | 'partition'
  | 'isolateLeader'
  | 'oneWay'
  | 'clog'
  | 'healNetwork'
  | 'slowDisk'
  | 'fullDisk'
  | 'clockJump'
  | 'clockDrift'
  | 'transfer'
  | 'addMember'
  | 'removeMember'
  | 'removeUnaware'
  | 'swapMembers'
  | 'swapMajority'
  | 'leavingLeader'
  | 'lateReturn'
  | 'replaceMember';

/** What a run is about: how often each fault strikes, relative to the others, and with which settings. */
export interface Profile {
  readonly name: ProfileName;
  readonly meanGapMs: number;
  readonly weights: Readonly<Record<Fault, number>>;
  readonly network: NetworkConditions;
  readonly crashPointChance: number;
  readonly clockDrift: number;
  readonly tuning: Partial<ClusterTuning>;
}

export type ProfileName = 'mixed' | 'elections' | 'membership' | 'disks' | 'clocks';

/** The fastest that any member's clock runs: as much as the manual of the core allows, and a little less. */
export const fastestClock = 1.1;

const nothing: Record<Fault, number> = {
  none: 5,
  crash: 0,
  crashAll: 0,
  duel: 0,
  churn: 0,
  figure8: 0,
  forgottenVote: 0,
  pause: 0,
  partition: 0,
  isolateLeader: 0,
  oneWay: 0,
  clog: 0,
  healNetwork: 16,
  slowDisk: 0,
  fullDisk: 0,
  clockJump: 0,
  clockDrift: 0,
  transfer: 0,
  addMember: 0,
  removeMember: 0,
  removeUnaware: 0,
  swapMembers: 0,
  swapMajority: 0,
  leavingLeader: 0,
  lateReturn: 0,
  replaceMember: 0,
};

const mixed: Record<Fault, number> = {
  none: 5,
  crash: 10,
  crashAll: 1.5,
  duel: 5,
  churn: 4,
  figure8: 1,
  forgottenVote: 1,
  pause: 6,
  partition: 6,
  isolateLeader: 5,
  oneWay: 5,
  clog: 4,
  healNetwork: 16,
  slowDisk: 4,
  fullDisk: 2,
  clockJump: 4,
  clockDrift: 3,
  transfer: 5,
  addMember: 6,
  removeMember: 3,
  removeUnaware: 2,
  swapMembers: 4,
  swapMajority: 2,
  leavingLeader: 1,
  lateReturn: 2,
  replaceMember: 2,
};

export const allFaults: readonly Fault[] = Object.keys(nothing) as Fault[];

export function chooseProfile(random: SimRandom): Profile {
  const name = random.weighted<ProfileName>({ mixed: 6, elections: 1.5, membership: 2, disks: 1, clocks: 1 });
  const common = {
    name,
    meanGapMs: random.pick([60, 120, 250]),
    clockDrift: random.pick([0, 0.05, fastestClock - 1]),
    crashPointChance: random.pick([0, 0, 0.0005, 0.002]),
    network: chooseNetwork(random),
    tuning: {},
  };
  switch (name) {
    case 'mixed':
      return { ...common, weights: someOf(mixed, random) };
    case 'elections':
      // Leaderships that end with their first entries on some disks only: figure 8 of the paper.
      return {
        ...common,
        meanGapMs: 400,
        network: { ...calmNetwork, delayMeanMs: random.pick([0.5, 2]) },
        weights: { ...nothing, figure8: 14, forgottenVote: 8, churn: 3, duel: 3, crash: 3, healNetwork: 3 },
        tuning: { electionTicks: 10, messageEntries: 1 },
      };
    case 'membership':
      return { ...common, weights: membershipOf(random), tuning: { promoteLagEntries: 1_000 } };
    case 'disks':
      return {
        ...common,
        crashPointChance: random.pick([0.003, 0.01]),
        weights: {
          ...nothing,
          crash: 10,
          crashAll: 5,
          slowDisk: 8,
          fullDisk: 6,
          partition: 3,
          isolateLeader: 2,
          clockJump: 3,
          lateReturn: 10,
        },
        tuning: { checkpointEntries: random.pick([5, 20]), tailEntries: random.pick([0, 4]) },
      };
    case 'clocks':
      return {
        ...common,
        clockDrift: fastestClock - 1,
        weights: { ...nothing, pause: 14, clockJump: 6, clockDrift: 4, isolateLeader: 4, crash: 3, transfer: 3 },
      };
  }
}

/** Without some of the faults, so that rare mixtures come up. */
function someOf(weights: Readonly<Record<Fault, number>>, random: SimRandom): Record<Fault, number> {
  const some = { ...weights };
  for (const fault of Object.keys(some) as Fault[]) {
    if (fault !== 'none' && fault !== 'healNetwork' && random.chance(0.4)) some[fault] = 0;
  }
  return some;
}

function membershipOf(random: SimRandom): Record<Fault, number> {
  const changes = {
    addMember: 12,
    removeMember: 6,
    removeUnaware: 5,
    swapMembers: 10,
    swapMajority: 10,
    leavingLeader: 4,
  };
  const others = { crash: 6, duel: 3, pause: 4, partition: 5, isolateLeader: 4, oneWay: 4, transfer: 4, clockJump: 3 };
  return someOf({ ...nothing, ...others, ...changes, replaceMember: 3, healNetwork: 24 }, random);
}

function chooseNetwork(random: SimRandom): NetworkConditions {
  const rough = random.chance(0.7);
  return {
    delayMinMs: 0.2,
    delayMeanMs: random.pick([0.5, 2, 8]),
    lossChance: rough ? random.pick([0, 0.01, 0.05, 0.15]) : 0,
    duplicateChance: rough ? random.pick([0, 0.02, 0.1]) : 0,
    reorderChance: rough ? random.pick([0, 0.05, 0.2]) : 0,
  };
}
