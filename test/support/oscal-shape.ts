/**
 * A hand-kept subset of OSCAL assessment results 1.2.2 (NIST's metaschema): what is required, and the
 * vocabularies we use. The published JSON schema is a release asset that is not kept here.
 */
import { z } from "zod";

const Uuid = z
  .string()
  .regex(
    /^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[45][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$/,
  );
const Token = z.string().regex(/^[\p{L}_][\p{L}\p{N}.\-_]*$/u);
const Text = z.string().regex(/^\S(.*\S)?$/s);
const When = z.iso.datetime({ offset: true });
const Property = z.strictObject({ name: Token, ns: z.string().min(1), value: Text });
const Props = z.array(Property).min(1);
const Controls = z.array(z.strictObject({ "control-id": Token })).min(1);

export const OscalResults = z.strictObject({
  "assessment-results": z.strictObject({
    uuid: Uuid,
    metadata: z.strictObject({
      title: Text,
      "last-modified": When,
      version: Text,
      "oscal-version": z.literal("1.2.2"),
      parties: z
        .array(z.strictObject({ uuid: Uuid, type: z.enum(["person", "organization"]), name: Text }))
        .min(1),
      remarks: Text,
    }),
    "import-ap": z.strictObject({ href: z.string().regex(/^#/) }),
    results: z
      .array(
        z.strictObject({
          uuid: Uuid,
          title: Text,
          description: Text,
          start: When,
          props: Props,
          "reviewed-controls": z.strictObject({
            "control-selections": z
              .array(
                z.strictObject({
                  "include-controls": Controls.optional(),
                  "exclude-controls": Controls.optional(),
                }),
              )
              .min(1),
            remarks: z.string(),
          }),
          observations: z
            .array(
              z.strictObject({
                uuid: Uuid,
                title: Text,
                description: Text,
                props: Props,
                methods: z.array(z.enum(["EXAMINE", "INTERVIEW", "TEST", "UNKNOWN"])).min(1),
                types: z.array(Token).min(1),
                collected: When,
                expires: When,
              }),
            )
            .min(1),
          risks: z
            .array(
              z.strictObject({
                uuid: Uuid,
                title: Text,
                description: Text,
                statement: Text,
                status: Token,
              }),
            )
            .min(1)
            .optional(),
          findings: z
            .array(
              z.strictObject({
                uuid: Uuid,
                title: Text,
                description: Text,
                props: Props,
                target: z.strictObject({
                  type: z.enum(["statement-id", "objective-id"]),
                  "target-id": Token,
                  status: z.strictObject({
                    state: z.enum(["satisfied", "not-satisfied"]),
                    reason: Token,
                    remarks: Text,
                  }),
                }),
                "related-observations": z
                  .array(z.strictObject({ "observation-uuid": Uuid }))
                  .min(1),
              }),
            )
            .min(1)
            .optional(),
        }),
      )
      .min(1),
    "back-matter": z.strictObject({
      resources: z.array(z.strictObject({ uuid: Uuid, title: Text, description: Text })).min(1),
    }),
  }),
});
