import { expect, it } from '@jest/globals';
import { pathSegmentProblems } from './path-segment.ts';

it.each<[string, string[]]>([
  ['system:node', []],
  ['\u{1f6a2}', []],
  ['..', ["may not be '..'"]],
  ['a/b%c', ["may not contain '/'", "may not contain '%'"]],
  ['\ud800', ['must be valid Unicode']],
  ['a\udc00b', ['must be valid Unicode']],
])('%j as a part of a path', (name, problems) => {
  expect(pathSegmentProblems(name)).toEqual(problems);
});
