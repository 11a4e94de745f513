"""Record a decision, correct it, and prove it without the server.

    npm run dev
    PYTHONPATH=src/sdk/python python3 examples/python/first_decision.py
"""

from loopgrid import LoopGrid
from loopgrid.verify import verify_evidence, verify_receipt

grid = LoopGrid(service_name="support-agent")

decision = grid.record(
    decision_type="customer_support_reply",
    input={"message": "I was charged twice"},
    model={"provider": "openai", "name": "gpt-4"},
    output={"response": "Your account looks fine."},
    receipt="proof",
)
print(f"recorded   {decision['decision_id']} at index {decision['index']}")

grid.mark_incorrect(decision["decision_id"], "order 5512 was charged twice")
grid.attach_correction(
    decision["decision_id"],
    correction={"response": "You are right. The second charge is refunded today."},
    corrected_by="jane",
)
print(f"corrected  {grid.get_decision(decision['decision_id'])['status']}")

# Keep your own copy of the public key: one that comes with the file proves nothing.
my_copy_of_the_key = grid.ledger.state()["verifier_keys"]
receipt = verify_receipt(decision, my_copy_of_the_key)
bundle = grid.decisions.evidence(decision["decision_id"])
evidence = verify_evidence(bundle, my_copy_of_the_key)
print(f"receipt    {receipt.status}")
print(f"evidence   {evidence.status}, {evidence.entries} entries")
