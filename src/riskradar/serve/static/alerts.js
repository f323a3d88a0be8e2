// An alarm is acknowledged: the note goes to the server as JSON, and the page is read again as it then stands.
document.querySelectorAll("form.ack").forEach((form) => form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const said = form.querySelector(".said");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(`/v1/alerts/${form.dataset.alarm}/acknowledge`, {
      method: "POST", headers: { "content-type": "application/json", accept: "application/json" }, body: JSON.stringify({ note: form.elements.note.value.trim() }),
    });
    if (answer.ok) {
      location.reload();
      return;
    }
    const problem = await answer.json();
    said.textContent = problem.errors.length ? "The note may hold 500 printed characters." : `Not noted: ${problem.detail}.`;
  } catch {
    said.textContent = "Not noted: the server cannot be reached.";
  }
  button.disabled = false;
}));
