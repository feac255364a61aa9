from __future__ import annotations

import io
from pathlib import Path

import pytest

from ingest.parsers.options import Options
from ingest.parsers.text.plain import TextParser, decode

LONG = "This line is long enough to have been wrapped at the margin,"
# Made for this test: about sixty words each of a company's rules.
GERMAN = (
    "Die Kündigungsfrist beträgt für alle Beschäftigten vier Wochen zum Monatsende. Während der "
    "Probezeit können beide Seiten ohne Angabe von Gründen kündigen. Größere Änderungen am Arbeitsplatz "
    "übernimmt das Büro für Gebäudetechnik; bitte füllen Sie dafür das Formular vollständig aus. "
    "Überstunden werden möglichst im gleichen Quartal ausgeglichen. Wer länger als drei Tage krank ist, "
    "legt spätestens am vierten Tag eine Bescheinigung vor. Rückfragen beantwortet die Personalabteilung "
    "täglich zwischen neun und zwölf Uhr, außer an Feiertagen."
)
FRENCH = (
    "Les congés doivent être demandés au moins deux semaines à l'avance auprès du responsable "
    "hiérarchique. En cas d'urgence, une demande écrite peut être envoyée par courrier électronique. "
    "L'employé reçoit une réponse dans un délai de trois jours ouvrés. Les frais de déplacement sont "
    "remboursés après présentation des reçus originaux, à l'exception des repas pris à côté du siège. "
    "Les règles détaillées se trouvent à la page précédente, où l'on décrit également la procédure "
    "prévue pour les salariés à temps partiel, les stagiaires et les intérimaires."
)
POLISH = (
    "Każdy pracownik ma prawo do dwudziestu sześciu dni urlopu w ciągu roku. Wniosek należy złożyć "
    "najpóźniej dwa tygodnie przed planowanym wyjazdem, a przełożony powinien odpowiedzieć w ciągu "
    "trzech dni roboczych. Jeżeli urlop zostanie odwołany z przyczyn służbowych, przedsiębiorstwo zwraca "
    "poniesione koszty. Szczegółowe zasady opisano w załączniku, który znajduje się na końcu regulaminu. "
    "W razie wątpliwości prosimy zwrócić się do działu kadr, który udziela informacji codziennie między "
    "dziewiątą a dwunastą godziną."
)
RUSSIAN = (
    "Каждый сотрудник имеет право на двадцать восемь дней отпуска в течение календарного года. Заявление "
    "необходимо подать не позднее чем за две недели до предполагаемой даты отъезда, а руководитель "
    "должен ответить в течение трёх рабочих дней. Если отпуск отменяется по служебным причинам, "
    "предприятие возмещает понесённые расходы. Подробные правила изложены в приложении, которое "
    "находится в конце документа. По всем вопросам обращайтесь в отдел кадров, который отвечает "
    "ежедневно с девяти до двенадцати часов утра."
)
JAPANESE = (
    "すべての従業員は一年間に二十日間の有給休暇を取得することができます。休暇を希望する場合は、少なくとも二週"
    "間前までに上司へ申請書を提出してください。上司は三営業日以内に回答しなければなりません。業務上の理由で休"
    "暇が取り消された場合、会社はそれまでにかかった費用を負担します。詳しい規則は文書の最後にある付録に記載さ"
    "れています。ご不明な点がありましたら、人事部までお問い合わせください。人事部は毎日午前九時から正午まで対"
    "応しています。交通費の精算については、領収書の原本を添えて経理課に提出してください。"
)
KOREAN = (
    "모든 직원은 일 년 동안 이십 일의 유급 휴가를 사용할 수 있습니다. 휴가를 희망하는 "
    "경우에는 최소한 이 주일 전까지 상사에게 신청서를 제출해야 합니다. 상사는 삼 영업일 이내에 "
    "답변해야 합니다. 업무상의 이유로 휴가가 취소된 경우 회사는 이미 발생한 비용을 부담합니다. "
    "자세한 규칙은 문서의 마지막에 있는 부록에 설명되어 있습니다. 궁금한 점이 있으면 인사부에 "
    "문의하시기 바랍니다. 인사부는 매일 오전 아홉 시부터 정오까지 문의에 응답합니다. 출장비는 "
    "영수증 원본을 첨부하여 경리과에 제출하면 됩니다. 재택근무를 원하는 직원은 팀장과 먼저 "
    "상의한 뒤 신청서를 작성해 주십시오."
)
CHINESE = (
    "每位员工每年享有二十天带薪休假。如需休假，请至少提前两周向上级提交申请书。上级应当在三个工作日内予以答复"
    "。如果因工作原因取消休假，公司将承担已经发生的费用。详细的规定见本文件最后的附录。如有任何疑问，请与人事"
    "部联系，人事部每天上午九点到十二点接受咨询。差旅费用须凭发票原件到财务部报销，逾期不予受理。希望在家办公"
    "的员工，应当事先与部门经理商量，并填写相应的表格。"
)
TRADITIONAL = (
    "每位員工每年享有二十天帶薪休假。如需休假，請至少提前兩週向上級提交申請書。上級應當在三個工作日內予以答覆"
    "。如果因工作原因取消休假，公司將承擔已經發生的費用。詳細的規定見本文件最後的附錄。如有任何疑問，請與人事"
    "部聯繫，人事部每天上午九點到十二點接受諮詢。差旅費用須憑發票原件到財務部報銷，逾期不予受理。希望在家辦公"
    "的員工，應當事先與部門經理商量，並填寫相應的表格。"
)


def test_paragraphs_are_what_blank_lines_divide() -> None:
    """Wrapped lines are joined; short lines and list items keep their own."""
    text = f"Title\n\n{LONG}\nso it goes on.\n \n1. one\n2. two\n\n{LONG}\n- item\n"
    sections = TextParser(Options(1, (), Path())).parse(io.BytesIO(text.encode()), "text/plain")
    assert [section.text for section in sections] == [
        "Title",
        f"{LONG} so it goes on.",
        "1. one\n2. two",
        f"{LONG}\n- item",
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("text", [GERMAN, RUSSIAN, JAPANESE, KOREAN, CHINESE], ids=["de", "ru", "ja", "ko", "zh"])
def test_unicode_is_understood_with_and_without_a_mark(text: str, encoding: str) -> None:
    """Every form of Unicode comes out the same, line ends unified."""
    text = f"{text}\r\n{text}"
    assert decode(text.encode(encoding)) == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (GERMAN, "cp1252 latin-1 iso8859-15 cp437 cp850 mac-roman"),
        (f"{GERMAN} Die Gebühr beträgt 20 €.", "cp1252 iso8859-15"),
        (FRENCH, "cp1252 latin-1 iso8859-15 cp437 cp850 mac-roman"),
        (POLISH, "cp1250 iso8859-2 cp852"),
        (RUSSIAN, "cp1251 koi8-r iso8859-5 cp866"),
        (JAPANESE, "shift_jis euc-jp iso2022_jp"),
        (KOREAN, "euc-kr cp949"),
        (CHINESE, "gb18030 gb2312"),
        (TRADITIONAL, "big5"),
    ],
    ids=["de", "de with euro", "fr", "pl", "ru", "ja", "ko", "zh", "zh traditional"],
)
def test_common_encodings_are_understood(text: str, encodings: str) -> None:
    """A page of text comes out the same from every encoding that is common for its language."""
    assert [name for name in encodings.split() if decode(text.encode(name)) != text] == []


def test_a_broken_byte_does_not_change_the_encoding() -> None:
    """UTF-8 that was cut off inside a character stays UTF-8."""
    assert decode(GERMAN.encode()[:-2] + b"\xc3") == GERMAN[:-2] + "\ufffd"


def test_nothing_fails_to_decode() -> None:
    """Bytes in no encoding at all still give a text."""
    assert isinstance(decode(bytes(range(128, 256)) + b"x"), str)
    assert isinstance(decode(b"\0" * 7 + b"\xff"), str)
