"""Record every call of the official OpenAI client, streams included. `grid.wrap` takes Anthropic's
client, and the async ones, in the same way.

    npm run dev
    OPENAI_API_KEY=sk-… PYTHONPATH=src/sdk/python python3 examples/python/wrap_openai.py
"""

from openai import OpenAI

from loopgrid import LoopGrid

grid = LoopGrid(service_name="support-agent")
client = grid.wrap(OpenAI())

stream = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "I was charged twice"}],
    stream=True,
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
print()

grid.flush()
(decision,) = grid.decisions.page(service_name="support-agent", limit=1)["decisions"]
call = decision["metadata"]["provider_call"]
print(f"recorded {decision['decision_id']}: {call['format']}, {call['latency_ms']} ms")
