/** The published SDK of 0.1 has no types; these are the calls its README shows. */
declare module "@cybertechsoft/loopgrid" {
  type Body = Record<string, unknown>;

  export class LoopGridError extends Error {}

  export class LoopGridAPIError extends LoopGridError {
    statusCode: number;
    detail: unknown;
  }

  export class LoopGrid {
    constructor(options?: { baseUrl?: string; serviceName?: string; timeout?: number });
    recordDecision(decision: {
      decisionType: unknown;
      input: unknown;
      model: unknown;
      output: unknown;
      prompt?: unknown;
      toolCalls?: unknown;
      metadata?: unknown;
    }): Promise<Body>;
    getDecision(decisionId: string): Promise<Body>;
    listDecisions(options?: {
      serviceName?: string;
      decisionType?: string;
      status?: string;
      page?: number;
      pageSize?: number;
    }): Promise<Body>;
    markIncorrect(decisionId: string, reason?: unknown): Promise<Body>;
    attachCorrection(correction: {
      decisionId: string;
      correction: unknown;
      correctedBy: unknown;
      notes?: unknown;
    }): Promise<Body>;
    createReplay(replay: {
      decisionId: string;
      overrides?: unknown;
      triggeredBy?: unknown;
    }): Promise<Body>;
    getReplay(replayId: string): Promise<Body>;
    compare(decisionId: string, replayId: string): Promise<Body>;
    verifyIntegrity(serviceName?: string): Promise<Body>;
    complianceReport(serviceName?: string): Promise<Body>;
    health(): Promise<Body>;
  }

  export const VERSION: string;
  export default LoopGrid;
}
