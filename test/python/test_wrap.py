"""Recording without code: the official clients where they are installed, httpx where it is. What the
application sees is compared with and without; what was recorded is replayed by the server."""

import asyncio
import importlib.util
import json
import threading
import unittest

from loopgrid import Capture, LoopGrid, UndeliveredError
from loopgrid._provider_call import Exchange, decision_of, format_of
from loopgrid.verify import verify_commitment
from provider import CHAT, CHAT_TOOLS, MESSAGE, RESPONSE, SECRETS, Provider
from support import PROVIDER_PORT, URL, unique

HAS = {name: importlib.util.find_spec(name) is not None for name in ("httpx", "httpx2", "openai", "anthropic")}
#: The library that each official client sends through is a part of it.
HTTP = [name for name in ("httpx", "httpx2") if HAS[name]]
QUESTION = [{"role": "user", "content": "I was charged twice"}]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "refund", "parameters": {"type": "object", "properties": {}}},
    }
]


class Wrapping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider(PROVIDER_PORT)
        cls.addClassCleanup(cls.provider.close)

    def setUp(self):
        self.grid = LoopGrid(URL, unique("wrap"))
        self.addCleanup(self.grid._transport.close)
        self.provider.take()

    def recorded(self):
        self.grid.flush()
        found = list(self.grid.decisions.all(service_name=self.grid.service_name))
        return found[::-1]

    def one(self):
        (decision,) = self.recorded()
        text = json.dumps(decision)
        for secret in (*SECRETS, "session=secret", "authorization", "x-api-key"):
            self.assertNotIn(secret, text.lower())
        self.assertEqual(decision["decision_type"], "model_call")
        return decision

    def replayed(self, decision):
        """By the server, live: what it sends the provider is what the application had sent."""
        self.provider.take()
        replay = self.grid.create_replay(decision["decision_id"], mode="live")
        self.assertEqual(replay["execution_status"], "completed", replay["error"])
        self.assertEqual(replay["fidelity"]["level"], "exact")
        self.assertLessEqual({note["action"] for note in replay["fidelity"]["notes"]}, {"kept"})
        (sent,) = self.provider.take()
        self.assertEqual(sent.json(), decision["input"]["request"])
        self.assertFalse(replay["output_changed"], replay["diff_summary"])
        return replay

    def same(self, run, make):
        """Runs it with the client as it is and with the wrapped one: it must end alike, and send alike."""
        ends, sent = [], []
        for wrapped in (False, True):
            client = make()
            try:
                ends.append(run(self.grid.wrap(client) if wrapped else client))
            except Exception as error:
                body = getattr(error, "body", None)
                status = getattr(error, "status_code", None)
                ends.append((type(error), str(error), body, status))
            sent.append([(one.path, comparable(one.headers), one.body) for one in self.provider.take()])
        self.assertEqual(ends[0], ends[1])
        self.assertEqual(sent[0], sent[1])
        return ends[0]


def comparable(headers):
    """But for what is new with every request."""
    return {k: v for k, v in headers.items() if k not in ("host", "idempotency-key", "x-stainless-retry-count")}


@unittest.skipUnless(HAS["openai"], "the openai package is not installed")
class OpenAI(Wrapping):
    def make(self, **options):
        import openai

        return openai.OpenAI(base_url=f"{self.provider.url}/v1", api_key=SECRETS[0], **options)

    def test_an_answer_is_recorded_as_it_is_and_replays_exactly(self):
        def ask(client):
            return client.chat.completions.create(
                model="gpt-4o", messages=QUESTION, temperature=0.2, seed=7
            ).to_dict()

        self.assertEqual(self.same(ask, self.make), CHAT)
        decision = self.one()
        self.assertEqual(
            decision["input"],
            {"request": {"model": "gpt-4o", "messages": QUESTION, "temperature": 0.2, "seed": 7}},
        )
        self.assertEqual(decision["output"], {"response": CHAT})
        self.assertEqual(decision["model"], {"provider": "openai", "name": "gpt-4o"})
        call = decision["metadata"]["provider_call"]
        self.assertEqual(call["format"], "openai.chat")
        self.assertEqual(call["endpoint"], f"{self.provider.url}/v1/chat/completions")
        self.assertEqual(call["response_headers"]["x-request-id"], "req_1")
        self.replayed(decision)

    def test_a_stream_is_passed_on_and_recorded_put_together(self):
        def ask(client):
            stream = client.chat.completions.create(
                model="gpt-4o", messages=QUESTION, stream=True, stream_options={"include_usage": True}
            )
            return [chunk.to_dict() for chunk in stream]

        self.same(ask, self.make)
        decision = self.one()
        self.assertEqual(decision["output"], {"response": without_nulls(CHAT)})
        call = decision["metadata"]["provider_call"]
        self.assertEqual(
            call["streamed"],
            {
                "ended": "complete",
                "assembled": True,
                "request": {"stream": True, "stream_options": {"include_usage": True}},
            },
        )
        self.replayed(decision)

    def test_tools_are_recorded_streamed_or_not(self):
        def ask(client):
            asked = {"model": "gpt-4o-tools", "messages": QUESTION, "tools": TOOLS}
            whole = client.chat.completions.create(**asked).to_dict()
            stream = client.chat.completions.create(**asked, stream=True)
            return whole, [chunk.to_dict() for chunk in stream]

        self.same(ask, self.make)
        whole, streamed = self.recorded()
        self.assertEqual(whole["output"], {"response": CHAT_TOOLS})
        self.assertEqual(streamed["output"], {"response": CHAT_TOOLS})
        self.replayed(whole)
        self.replayed(streamed)

    def test_responses_are_recorded_streamed_or_not(self):
        def ask(client):
            asked = {"model": "gpt-4o", "input": "I was charged twice", "store": False}
            whole = client.responses.create(**asked).to_dict()
            return whole, [event.to_dict() for event in client.responses.create(**asked, stream=True)]

        self.same(ask, self.make)
        whole, streamed = self.recorded()
        for decision in (whole, streamed):
            self.assertEqual(decision["output"], {"response": RESPONSE})
            self.replayed(decision)

    def test_raw_responses_compressed_answers_and_helpers_are_untouched(self):
        def ask(client):
            raw = client.chat.completions.with_raw_response.create(model="gpt-gzip", messages=QUESTION)
            return raw.content, raw.headers["content-encoding"], raw.parse().to_dict()

        self.same(ask, self.make)
        self.assertEqual(self.one()["output"], {"response": CHAT})

    def test_errors_and_retries_reach_the_application_alike_and_only_answers_are_recorded(self):
        def refused(client):
            return client.chat.completions.create(model="gpt-refused", messages=QUESTION)

        def busy(client):
            return client.chat.completions.create(model="gpt-busy", messages=QUESTION).to_dict()

        def broken(client):
            return client.chat.completions.create(model="gpt-break", messages=QUESTION)

        self.assertEqual(self.same(refused, self.make)[3], 404)
        self.assertEqual(self.same(busy, self.make), CHAT)
        self.same(broken, lambda: self.make(max_retries=0))
        self.assertEqual(self.one()["input"]["request"]["model"], "gpt-busy")

    def test_failures_are_recorded_where_that_is_asked_for(self):
        client = self.grid.wrap(self.make(max_retries=0), record_failures=True)
        for model in ("gpt-refused", "gpt-break"):
            with self.assertRaises(Exception):
                client.chat.completions.create(model=model, messages=QUESTION)
        refused, broken = self.recorded()
        self.assertEqual(refused["metadata"]["provider_call"]["status"], 404)
        self.assertEqual(refused["output"]["response"]["error"]["code"], "model_not_found")
        self.assertEqual(broken["metadata"]["provider_call"]["status"], None)
        self.assertEqual(broken["output"], {})

    def test_a_stream_given_up_is_recorded_as_far_as_it_came(self):
        def ask(client):
            stream = client.chat.completions.create(model="gpt-slow", messages=QUESTION, stream=True)
            first = [chunk.to_dict() for _, chunk in zip(range(4), stream)]
            stream.close()
            return first

        self.same(ask, self.make)
        decision = self.one()
        self.assertEqual(decision["metadata"]["provider_call"]["streamed"]["ended"], "cancelled")
        said = decision["output"]["response"]["choices"][0]["message"]["content"]
        self.assertTrue(CHAT["choices"][0]["message"]["content"].startswith(said) and said)

    def test_a_stream_that_breaks_is_recorded_as_far_as_it_came(self):
        def ask(client):
            return [c.to_dict() for c in client.chat.completions.create(model="gpt-cut", messages=QUESTION, stream=True)]

        self.same(ask, self.make)
        self.assertEqual(self.one()["metadata"]["provider_call"]["streamed"]["ended"], "interrupted")

    def test_what_is_no_question_to_a_model_is_not_recorded(self):
        def ask(client):
            client.models.list()
            return client.embeddings.create(model="e", input="x", encoding_format="float").to_dict()

        self.same(ask, self.make)
        self.assertEqual(self.recorded(), [])

    def test_the_given_client_stays_unrecorded_and_both_outlive_each_other(self):
        import gc

        client = self.make()
        wrapped = self.grid.wrap(client)
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
        self.assertEqual(self.recorded(), [])
        connections = self.provider.server.connections
        del client
        gc.collect()
        wrapped.chat.completions.create(model="gpt-4o", messages=QUESTION)
        self.assertEqual(self.provider.server.connections, connections)  # the very same one
        self.assertEqual(len(self.recorded()), 1)
        options = wrapped.with_options(timeout=5)
        options.chat.completions.create(model="gpt-4o", messages=QUESTION)
        self.assertEqual(len(self.recorded()), 2)

    def test_a_wrapped_clients_end_is_not_the_end_of_the_given_one(self):
        import gc

        client = self.make()
        wrapped = self.grid.wrap(client)
        wrapped.chat.completions.create(model="gpt-4o", messages=QUESTION)
        del wrapped
        gc.collect()
        connections = self.provider.server.connections
        client.chat.completions.create(model="gpt-4o", messages=QUESTION)
        self.assertEqual(self.provider.server.connections, connections)

    def test_recording_that_fails_breaks_nothing_and_is_counted(self):
        def broken(decision):
            raise RuntimeError(decision["input"])

        client = self.grid.wrap(self.make(), capture=Capture(redact=broken))
        with self.assertLogs("loopgrid", "WARNING") as logs:
            client.chat.completions.create(model="gpt-4o", messages=QUESTION)
        self.assertNotIn("charged", "".join(logs.output))
        with self.assertRaises(UndeliveredError):
            self.grid.flush()
        self.assertEqual(self.grid.counters["dropped"], 1)
        away = LoopGrid("http://127.0.0.1:9", queue_records_max=1, exit_timeout_ms=0)
        client = away.wrap(self.make())
        for _ in range(3):
            client.chat.completions.create(model="gpt-4o", messages=QUESTION)
        self.assertEqual(away.counters["dropped"], 2)
        self.assertRaises(UndeliveredError, away.close, 0)

    def test_capture_is_limited_to_members_redacted_or_committed_to(self):
        openings = []

        def redact(decision):
            request = decision["input"]["request"]
            return {**decision, "input": {"request": {**request, "messages": ["redacted"]}}}

        for capture in (
            Capture(fields={"request": ["model"], "response": ["usage"]}),
            Capture(redact=redact),
            Capture(redact=lambda decision: None),
            Capture(commitments_only=openings.append),
        ):
            self.grid.wrap(self.make(), capture=capture).chat.completions.create(
                model="gpt-4o", messages=QUESTION
            )
        fields, redacted, committed = self.recorded()
        self.assertEqual(fields["input"], {"request": {"model": "gpt-4o"}})
        self.assertEqual(fields["output"], {"response": {"usage": CHAT["usage"]}})
        omitted = fields["metadata"]["provider_call"]["omitted"]
        self.assertEqual(omitted["request_members"], ["messages"])
        self.assertEqual(redacted["input"]["request"]["messages"], ["redacted"])
        self.assertEqual(committed["input"], {"commitment": openings[0]["input"]["commitment"]})
        self.assertEqual(openings[0]["output"]["value"], {"response": CHAT})
        self.assertTrue(verify_commitment("output", openings[0]["output"]))
        self.assertFalse(verify_commitment("input", openings[0]["output"]))

    def test_an_answer_that_is_too_large_or_no_json_is_named_not_recorded(self):
        client = self.grid.wrap(self.make())
        long = [{"role": "user", "content": "x" * 1_100_000}]
        client.chat.completions.create(model="gpt-4o", messages=long)
        try:
            client.chat.completions.create(model="gpt-html", messages=QUESTION)
        except Exception:
            pass  # as the client likes
        large, html = self.recorded()
        self.assertEqual((large["input"], large["output"]), ({}, {}))
        self.assertEqual(large["metadata"]["provider_call"]["omitted"]["request"]["reason"], "too_large")
        self.assertEqual(html["metadata"]["provider_call"]["omitted"]["response"]["reason"], "not_json")

    def test_the_async_client_is_recorded_streamed_cancelled_or_not(self):
        import openai

        async def story(client):
            async with client:
                asked = {"model": "gpt-4o", "messages": QUESTION}
                whole = (await client.chat.completions.create(**asked)).to_dict()
                stream = await client.chat.completions.create(**asked, stream=True)
                chunks = [chunk.to_dict() async for chunk in stream]

                async def endless():
                    slow = {**asked, "model": "gpt-slow", "stream": True}
                    async for _ in await client.chat.completions.create(**slow):
                        first.set()

                first = asyncio.Event()
                task = asyncio.ensure_future(endless())
                await asyncio.wait_for(first.wait(), 20)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                return whole, chunks

        def make():
            return openai.AsyncOpenAI(base_url=f"{self.provider.url}/v1", api_key=SECRETS[0])

        self.same(lambda client: asyncio.run(story(client)), make)
        whole, streamed, cancelled = self.recorded()
        self.assertEqual(whole["output"], {"response": CHAT})
        self.assertEqual(streamed["output"], {"response": without_nulls(CHAT)})
        self.assertEqual(cancelled["metadata"]["provider_call"]["streamed"]["ended"], "cancelled")

    def test_threads_record_every_call_once(self):
        client = self.grid.wrap(self.make())
        threads = [
            threading.Thread(
                target=lambda: [
                    client.chat.completions.create(model="gpt-4o", messages=QUESTION) for _ in range(5)
                ]
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(self.recorded()), 40)

    def test_azure_is_named_as_what_it_is(self):
        import openai

        client = openai.AzureOpenAI(
            azure_endpoint=self.provider.url, api_key=SECRETS[0], api_version="2024-10-21"
        )
        self.grid.wrap(client).chat.completions.create(model="my-deployment", messages=QUESTION)
        decision = self.one()
        self.assertEqual(decision["model"]["provider"], "azure")
        self.assertIn("api-version=2024-10-21", decision["metadata"]["provider_call"]["endpoint"])


def without_nulls(completion):
    """A stream has no word for members that are null."""
    message = completion["choices"][0]["message"]
    kept = {name: value for name, value in message.items() if value is not None}
    return {**completion, "choices": [{**completion["choices"][0], "message": kept}]}


@unittest.skipUnless(HAS["anthropic"], "the anthropic package is not installed")
class Anthropic(Wrapping):
    def make(self, **options):
        import anthropic

        return anthropic.Anthropic(base_url=self.provider.url, api_key=SECRETS[1], **options)

    def asked(self, **more):
        return {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": QUESTION, **more}

    def test_an_answer_is_recorded_as_it_is_and_replays_exactly(self):
        def ask(client):
            return client.messages.create(**self.asked(stop_sequences=["."])).to_dict()

        self.assertEqual(self.same(ask, self.make), MESSAGE)
        decision = self.one()
        self.assertEqual(decision["input"], {"request": self.asked(stop_sequences=["."])})
        self.assertEqual(decision["output"], {"response": MESSAGE})
        self.assertEqual(decision["model"], {"provider": "anthropic", "name": "claude-sonnet-4-5"})
        self.assertIn("anthropic-version", decision["metadata"]["provider_call"]["headers"])
        self.replayed(decision)

    def test_streams_are_passed_on_whichever_way_they_are_asked_for(self):
        def ask(client):
            raw = [event.to_dict() for event in client.messages.create(**self.asked(), stream=True)]
            with client.messages.stream(**self.asked()) as stream:
                texts = list(stream.text_stream)
                return raw, texts, stream.get_final_message().to_dict()

        self.same(ask, self.make)
        for decision in self.recorded():
            self.assertEqual(decision["output"], {"response": MESSAGE})
            ended = decision["metadata"]["provider_call"]["streamed"]["ended"]
            self.assertEqual(ended, "complete")
            self.replayed(decision)

    def test_errors_and_aborts_reach_the_application_alike(self):
        def refused(client):
            return client.messages.create(**self.asked(model="claude-refused"))

        def given_up(client):
            with client.messages.stream(**self.asked(model="claude-slow")) as stream:
                return [event.type for _, event in zip(range(3), stream)]

        self.assertEqual(self.same(refused, self.make)[3], 404)
        self.same(given_up, self.make)
        decision = self.one()
        self.assertEqual(decision["metadata"]["provider_call"]["streamed"]["ended"], "cancelled")

    def test_the_async_client_is_recorded(self):
        import anthropic

        async def story(client):
            async with client:
                whole = (await client.messages.create(**self.asked())).to_dict()
                stream = await client.messages.create(**self.asked(), stream=True)
                return whole, [event.to_dict() async for event in stream]

        def make():
            return anthropic.AsyncAnthropic(base_url=self.provider.url, api_key=SECRETS[1])

        self.same(lambda client: asyncio.run(story(client)), make)
        self.assertEqual([one["output"] for one in self.recorded()], 2 * [{"response": MESSAGE}])


@unittest.skipUnless(HTTP, "neither httpx nor httpx2 is installed")
class Httpx(Wrapping):
    """The library itself, for those who call a provider without an official client."""

    def post(self, client, **body):
        asked = {"model": "gpt-4o", "messages": QUESTION, **body}
        headers = {"Authorization": f"Bearer {SECRETS[0]}"}
        return {"url": f"{self.provider.url}/v1/chat/completions", "json": asked, "headers": headers}

    def each(self):
        for name in HTTP:
            yield importlib.import_module(name)

    def test_answers_are_byte_identical_streamed_compressed_or_not(self):
        for library in self.each():
            with self.subTest(library.__name__):

                def ask(client):
                    seen = []
                    for body in ({}, {"model": "gpt-gzip"}):
                        answer = client.post(**self.post(client, **body))
                        seen.append((answer.status_code, answer.content, list(answer.headers.raw)[1:]))
                    with client.stream("POST", **self.post(client, stream=True)) as answer:
                        seen.append(list(answer.iter_raw()))
                    with client.stream("POST", **self.post(client, stream=True)) as answer:
                        seen.append(list(answer.iter_lines()))
                    return [without_date(one) for one in seen]

                before = len(self.recorded())
                self.same(ask, library.Client)
                decisions = self.recorded()[before:]
                answers = [one["output"]["response"] for one in decisions]
                self.assertEqual(answers[:2], [CHAT, CHAT])
                self.assertEqual(answers[2:], 2 * [without_nulls(CHAT)])
                self.replayed(decisions[0])
                self.replayed(decisions[2])

    def test_async_answers_are_byte_identical(self):
        for library in self.each():
            with self.subTest(library.__name__):

                async def story(client):
                    async with client:
                        whole = (await client.post(**self.post(client))).content
                        async with client.stream("POST", **self.post(client, stream=True)) as answer:
                            return whole, [piece async for piece in answer.aiter_raw()]

                self.same(lambda client: asyncio.run(story(client)), library.AsyncClient)

    def test_a_broken_connection_is_the_applications_own(self):
        for library in self.each():
            with self.subTest(library.__name__):

                def ask(client):
                    with client.stream("POST", **self.post(client, model="gpt-cut", stream=True)) as answer:
                        return list(answer.iter_raw())

                self.same(ask, library.Client)

    def test_transports_of_the_applications_own_are_recorded_too(self):
        for library in self.each():
            with self.subTest(library.__name__):

                class Cached(library.BaseTransport):
                    """Answers what it has read before."""

                    def handle_request(self, request):
                        return library.Response(200, json=CHAT)

                grid = LoopGrid(URL, unique("cached"))
                client = grid.wrap(library.Client(transport=Cached()))
                self.assertEqual(client.post(**self.post(client)).json(), CHAT)
                grid.close()
                (decision,) = LoopGrid(URL).decisions.all(service_name=grid.service_name)
                self.assertEqual(decision["output"], {"response": CHAT})

    def test_other_requests_and_uploads_pass_unrecorded(self):
        for library in self.each():
            with self.subTest(library.__name__):
                before = self.grid.counters["enqueued"]
                client = self.grid.wrap(library.Client())
                client.get(f"{self.provider.url}/v1/models")
                client.post(f"{self.provider.url}/v1/files", json={"a": 1})
                self.assertEqual(self.grid.counters["enqueued"], before)

    def test_a_body_that_can_be_read_only_once_is_left_alone(self):
        for library in self.each():
            with self.subTest(library.__name__):

                body = json.dumps({"model": "gpt-4o", "messages": QUESTION}).encode()

                grid = LoopGrid(URL, unique("once"))
                client = grid.wrap(library.Client())
                url = f"{self.provider.url}/v1/chat/completions"
                with self.assertLogs("loopgrid", "WARNING"):
                    length = {"Content-Length": str(len(body))}
                    answer = client.post(url, content=iter([body]), headers=length)
                self.assertEqual(answer.json(), CHAT)
                self.assertEqual(grid.counters["dropped"], 1)
                self.assertRaises(UndeliveredError, grid.close)


def without_date(seen):
    return [one for one in seen if not (isinstance(one, tuple) and one[0] == b"Date")] if isinstance(seen, list) else seen[:2]


class ProviderCall(unittest.TestCase):
    """The pure part: needs no client."""

    def recorded(self, url, body):
        octets = json.dumps(body).encode()
        exchange = Exchange(url, format_of("POST", url), {}, octets, "2026-01-01T00:00:00Z", status=200)
        return decision_of(exchange, None, Capture())

    def test_credentials_of_mcp_servers_are_left_out_and_that_is_said(self):
        secret = "mcp-secret"
        server = {"type": "url", "name": "crm", "url": "https://mcp.example/sse"}
        tool = {"type": "mcp", "server_label": "crm", "server_url": "https://mcp.example/sse"}
        function = {"type": "function", "name": "look_up", "parameters": {"headers": {}}}
        for url, body, clean, places in (
            (
                "https://api.anthropic.com/v1/messages",
                {"mcp_servers": [{**server, "authorization_token": secret}, server]},
                {"mcp_servers": [server, server]},
                ["mcp_servers[0].authorization_token"],
            ),
            (
                "https://api.openai.com/v1/responses",
                {"tools": [function, {**tool, "authorization": secret, "headers": {"X-Key": secret}}]},
                {"tools": [function, tool]},
                ["tools[1].authorization", "tools[1].headers"],
            ),
        ):
            with self.subTest(url):
                decision = self.recorded(url, {"model": "m", **body})
                self.assertEqual(decision["input"], {"request": {"model": "m", **clean}})
                omitted = decision["metadata"]["provider_call"]["omitted"]
                self.assertEqual(omitted["request_credentials"], places)
                self.assertNotIn(secret, json.dumps(decision))
        untouched = {"model": "m", "tools": [function, "odd"], "mcp_servers": {"odd": True}}
        decision = self.recorded("https://api.openai.com/v1/responses", untouched)
        self.assertEqual(decision["input"], {"request": untouched})

    def test_a_thread_of_messages_is_no_question_to_a_model(self):
        for url, name in (
            ("https://api.anthropic.com/v1/messages", "anthropic.messages"),
            ("https://gateway.example/anthropic/v1/messages?beta=true", "anthropic.messages"),
            ("https://api.openai.com/v1/threads/thread_1/messages", None),
        ):
            self.assertEqual(format_of("POST", url), name, url)


class Unwrappable(unittest.TestCase):
    @unittest.skipUnless(HTTP, "neither httpx nor httpx2 is installed")
    def test_a_platform_whose_calls_it_would_not_see_is_refused_by_name(self):
        class AnthropicVertex:
            _client = importlib.import_module(HTTP[0]).Client()

        with self.assertRaisesRegex(TypeError, "calls to Vertex"):
            LoopGrid(URL).wrap(AnthropicVertex())

    def test_what_is_no_client_is_refused(self):
        for client in (object(), None, "client"):
            with self.assertRaisesRegex(TypeError, "cannot be wrapped"):
                LoopGrid(URL).wrap(client)


if __name__ == "__main__":
    unittest.main()
