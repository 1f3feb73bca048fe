export interface Behaviour {
  readonly text: string;
  /** Tests of the conformance list that it stands for. */
  readonly official: number;
  /** Of the names of the line's tests, those that show it. */
  readonly shownBy: RegExp;
}

export interface Line {
  /** `area: kind`. */
  readonly title: string;
  readonly behaviours: readonly Behaviour[];
}

export const behaviour: (official: number, text: string, shownBy: RegExp) => Behaviour = (official, text, shownBy) => ({
  text,
  official,
  shownBy,
});
