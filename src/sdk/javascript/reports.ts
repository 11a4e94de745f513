/** `grid.reports`: compliance reports that are issued, and the numbers behind them. */
import { onTheWire, queryOf } from "./naming.ts";
import type { AppendOptions, CallOptions, Transport } from "./transport.ts";
import type { ComplianceReport, MetricRow, ReportParams } from "./wire.ts";

export interface MetricsQuery {
  readonly serviceName?: string | undefined;
  readonly decisionType?: string | undefined;
  /** Days, such as 2026-11-22: on or after, and before. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly interval?: "day" | "month" | undefined;
  /** `service`, `type`, `provider`, `model`, `model_version`. */
  readonly groupBy?: readonly string[] | undefined;
}

export class Reports {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The report and its hash become an entry. `complianceReport()` shows one that is not issued. */
  async issue(
    report: NonNullable<ReportParams> = {},
    options?: Omit<AppendOptions, "receipt">,
  ): Promise<ComplianceReport> {
    return this.#transport.append("/v1/compliance/reports", onTheWire(report), options);
  }

  /** As it was issued. */
  async get(reportId: string, options?: CallOptions): Promise<ComplianceReport> {
    return this.#transport.get(pathOf(reportId), {}, options);
  }

  /** The same as a page that prints. */
  async html(reportId: string, options?: CallOptions): Promise<string> {
    return this.#transport.text(pathOf(reportId), { format: "html" }, options);
  }

  /** Decisions, reviews and errors by day or month. */
  async metrics(
    { groupBy, ...query }: MetricsQuery = {},
    options?: CallOptions,
  ): Promise<{ readonly size: number; readonly interval: string; readonly rows: MetricRow[] }> {
    const asked = { ...queryOf({ ...query }), group_by: groupBy?.join(",") };
    return this.#transport.get("/v1/metrics", asked, options);
  }
}

function pathOf(reportId: string): string {
  return `/v1/compliance/reports/${encodeURIComponent(reportId)}`;
}
