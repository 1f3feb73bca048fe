/** What the `authorizer` variable asks: the host decides. */

export interface CelAuthorizerQuestion {
  readonly verb: string;
  /** Absent: the user of the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  /** Present for what is no resource. */
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface CelAuthorizerDecision {
  readonly allowed: boolean;
  readonly reason?: string;
  /** Why no decision was possible. */
  readonly error?: string;
}

/** Given as the value of a variable of type `authorizerType`. */
export interface CelAuthorizer {
  decide(question: CelAuthorizerQuestion): CelAuthorizerDecision | Promise<CelAuthorizerDecision>;
}
