/** One record of every kind, as an operator might send it. */
export function sampleRecords(decisionId: string): readonly Record<string, unknown>[] {
  const at = "2026-11-20T10:00:00Z";
  return [
    {
      kind: "review",
      decision_id: decisionId,
      reviewer: { ref: "rev-17", kind: "natural_person", auth: "authenticated" },
      outcome: "confirm",
      trigger: "random_sample",
      opened_at: at,
      reviewer_name: "Jane Roe",
      notes: "looked at the whole file",
    },
    { kind: "notice", decision_id: decisionId, notice_ref: "notice-7@v3", given_at: at },
    { kind: "explanation", decision_id: decisionId, main_elements: "income and term" },
    { kind: "action", decision_id: decisionId, action: "letter_sent", note: "to Mr Doe" },
    {
      kind: "incident",
      incident_class: "wrong_refusal",
      clock_class: "days_15",
      aware_at: at,
      service_name: "support-agent",
      decision_ids: [decisionId],
      title: "Refund refused twice",
      reporter: "Jane Roe",
    },
    { kind: "halt", service_name: "support-agent", trigger: "drift", reason: "Jane saw it" },
    { kind: "resume", service_name: "support-agent" },
    { kind: "drill", drill: "export", result: "passed", duration_ms: 1200 },
    { kind: "change", service_name: "support-agent", model_name: "gpt-4", change_ref: "CHG-1" },
    { kind: "request", request_kind: "explanation", received_at: at, requester: "John Doe" },
    { kind: "criterion", criterion_id: "c-1", metric: "pass_rate", op: ">=", threshold: 0.9 },
    { kind: "analysis", analysis: "post_market", signed_by: "Jane Roe", findings: "none" },
    { kind: "competence", reviewer_ref: "rev-17", reference: "TR-9", valid_from: at },
    {
      kind: "selection",
      service_name: "hiring",
      category: "sex",
      period_from: at,
      period_to: at,
      groups: [
        { group: "female", assessed: 50, selected: 20 },
        { group: "male", assessed: 50, selected: 30 },
      ],
    },
    { kind: "context", role: "deployer", risk_class: "annex_iii", declared_by: "Jane Roe" },
    { kind: "retention_policy", classes: [{ class: "logs_12m", months: 12 }], set_by: "Jane" },
  ];
}
