import type { AuthToken, OrchestratorInfo, TicketParams, WeiPerUnit } from "@rivulet/wire";

/**
 * On what terms an orchestrator does one model's work. Price and ticket parameters came in one answer and hold together:
 * tickets are good only with the price they were asked for. Source: payments 8.2, 20.4.
 */
export interface Terms {
  /** Wei for a unit of the pipeline's work. */
  readonly price: WeiPerUnit;
  /** Absent where there is nothing to pay. */
  readonly params?: TicketParams | undefined;
  readonly token: AuthToken;
  /** The whole answer, for whoever pays in our place. */
  readonly info: OrchestratorInfo;
}
