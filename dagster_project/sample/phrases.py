"""What customers and agents say, in English and Russian, by mood."""

import numpy as np

from dagster_project.sample.columns import Text, cat, pick

REVIEWS = {
    (0, 0): (
        "Arrived broken and nobody answered for a week.",
        "Terrible quality, I would not buy it again.",
        "Looks nothing like the picture.",
        "Fell apart after two days, very disappointed.",
        "Late delivery and a rude courier.",
        "A waste of money.",
    ),
    (0, 1): (
        "It is all right for the price.",
        "Average, does the job.",
        "Colour differs a little from the photo.",
        "Delivery took longer than promised, the thing itself is fine.",
        "Not bad, not great.",
        "Decent, but the box was damaged.",
    ),
    (0, 2): (
        "Lovely quality, exactly as described.",
        "Arrived the next day, beautifully packed.",
        "My mother loves it, will order again.",
        "Excellent value, highly recommended.",
        "Perfect in our hallway, very happy.",
        "Great service and a great product.",
    ),
    (1, 0): (
        "Пришло разбитое, неделю никто не отвечал.",
        "Ужасное качество, больше не куплю.",
        "Совсем не похоже на фото.",
        "Сломалось через два дня, очень разочарована.",
        "Опоздали с доставкой, курьер нагрубил.",
        "Выброшенные деньги.",
    ),
    (1, 1): (
        "Нормально за свои деньги.",
        "Обычная вещь, своё дело делает.",
        "Цвет немного отличается от фото.",
        "Ждали дольше обещанного, сама вещь хорошая.",
        "Не плохо, но и не восторг.",
        "Неплохо, но коробка помята.",
    ),
    (1, 2): (
        "Прекрасное качество, всё как в описании.",
        "Привезли на следующий день, упаковано отлично.",
        "Маме очень понравилось, закажу ещё.",
        "Отличная цена, всем рекомендую.",
        "Идеально подошло в прихожую, очень довольны.",
        "Отличный сервис и хороший товар.",
    ),
}

CALL_REASONS = ("delivery", "refund", "product_question", "payment", "complaint", "order_change")
CHURN_REASONS = ("service", "price", "missing_goods", "support", "negative_experience")

SUBJECTS = (
    "Where is my order?",
    "Refund has not arrived",
    "Question about a product",
    "Payment was taken twice",
    "Complaint about the courier",
    "Please change my address",
    "Где мой заказ?",
    "Не пришёл возврат",
    "Вопрос о товаре",
    "Деньги списали дважды",
    "Жалоба на курьера",
    "Прошу изменить адрес",
)

TRANSCRIPTS = (
    'Agent: "Good morning, how can I help?"\nCaller: "This is {}, it is about my parcel."',
    'Agent: "Hello, home and garden shop."\nCaller: "{} speaking, I want my money back, please."',
    "Оператор: «Добрый день, слушаю вас».\nКлиент: «Это {}, я по поводу заказа».",
    "Оператор: «Здравствуйте».\nКлиент: «Меня зовут {}, хочу вернуть товар».",
)

SOCIAL = (
    "Love the new collection!",
    "Is this back in stock?",
    "Still waiting for my parcel...",
    "Обожаю новую коллекцию!",
    "Когда снова будет в наличии?",
    "До сих пор жду посылку...",
)

_MOODS = [text for language in (0, 1) for mood in (0, 1, 2) for text in REVIEWS[language, mood]]
_EACH = 6


def opinion(rng: np.random.Generator, russian: np.ndarray, mood: np.ndarray) -> Text:
    """One or two sentences in the person's language; mood 0 bad, 1 mixed, 2 good."""
    base = (russian.astype(np.int64) * 3 + mood) * _EACH
    size = len(base)
    first = rng.integers(0, _EACH, size)
    second = np.where(rng.random(size) < 0.5, (first + 1 + rng.integers(0, 5, size)) % _EACH, -1)
    more = pick(["", *(" " + text for text in _MOODS)], np.where(second < 0, 0, base + second + 1))
    return cat(pick(_MOODS, base + first), more)
