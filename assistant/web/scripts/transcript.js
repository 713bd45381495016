// What was said: stays at the end unless the reader scrolled up, and shows a message that was searched for.
const box = document.getElementById('chat');
let stick = true, talk = '', limit = '', height = 0;
box?.addEventListener('scroll', () => { stick = box.scrollHeight - box.scrollTop - box.clientHeight < 90; });
const settle = () => requestAnimationFrame(() => {
  const messages = element.querySelector('.messages'), before = height;
  height = box.scrollHeight;
  const data = messages?.dataset ?? {talk: '', limit: ''};
  const other = data.talk !== talk, earlier = !other && data.limit !== limit;
  [talk, limit] = [data.talk, data.limit];
  const found = data.find && document.getElementById(`m${data.find}`);
  if (found) {
    found.scrollIntoView({block: 'center'});
    found.classList.add('found');
    stick = false;
  } else if (!messages) box.scrollTop = 0;
  else if (other) { box.scrollTop = box.scrollHeight; stick = true; }
  else if (earlier) box.scrollTop += height - before;
  else if (stick) box.scrollTop = box.scrollHeight;
});
watch('value', settle);
settle();
document.addEventListener('unabridged:grown', () => { if (stick) box.scrollTop = box.scrollHeight; });
