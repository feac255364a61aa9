"""Short questions and sentences by language, written for these tests. The odd ones were not looked at for tuning."""

QUESTIONS = {
    "en": """
How many vacation days do I get?
Who approves travel to Berlin?
What is the hotel limit in Paris?
When does the probation period end?
Where can I find the expense form?
Is a receipt needed for taxi rides?
Which laptop will I be given?
Can contractors work remotely?
Who is the data protection officer?
What happens to unused leave?
How long is the notice period?
Does the policy cover dental care?
Are dogs allowed in the office?
How do I reset my password?
Why was invoice 4711 rejected?
What does P12-EX weigh?
Until when must I hand in my timesheet?
Do we have a car pool?
May I bring a guest to lunch?
Who founded the company?
What is our mission?
How often are backups made?
Which countries are excluded?
Should I encrypt my laptop?
How much is the meal allowance?
What changed in version 2.3?
Where is the fire extinguisher?
When is payday?
Who do I call in an emergency?
What are the opening hours of the canteen?
Is there a gym?
What if my flight is cancelled?
Can I carry over five days?
Which team owns the search service?
How is overtime paid?
What is the price of the oak desk?
Must I lock my screen?
Whom do I tell about a lost badge?
How are bonuses calculated?
What about interns?
""",
    "de": """
Wie viele Urlaubstage habe ich?
Wer genehmigt Reisen nach Berlin?
Wie hoch ist die Hotelgrenze in Paris?
Wann endet die Probezeit?
Wo finde ich das Formular für Spesen?
Brauche ich einen Beleg für das Taxi?
Welchen Laptop bekomme ich?
Dürfen Externe von zu Hause arbeiten?
Wer ist Datenschutzbeauftragter?
Was passiert mit Resturlaub?
Wie lang ist die Kündigungsfrist?
Sind Zahnbehandlungen versichert?
Sind Hunde im Büro erlaubt?
Wie setze ich mein Passwort zurück?
Warum wurde Rechnung 4711 abgelehnt?
Was wiegt P12-EX?
Bis wann muss die Zeiterfassung abgegeben sein?
Haben wir Dienstwagen?
Darf ich Gäste zum Essen mitbringen?
Wer hat die Firma gegründet?
Was ist unser Ziel?
Wie oft werden Sicherungen gemacht?
Welche Länder sind ausgeschlossen?
Muss mein Laptop verschlüsselt sein?
Wie hoch ist das Tagegeld?
Was änderte sich in Version 2.3?
Wo hängt der Feuerlöscher?
Wann kommt das Gehalt?
Wen rufe ich im Notfall an?
Wann hat die Kantine geöffnet?
Gibt es ein Fitnessstudio?
Was tun, wenn der Flug ausfällt?
Kann ich fünf Tage übertragen?
Welches Team betreut die Suche?
Wie werden Überstunden bezahlt?
Was kostet der Schreibtisch aus Eiche?
Muss ich den Bildschirm sperren?
Wem melde ich einen verlorenen Ausweis?
Wie wird der Bonus berechnet?
Und was gilt für Praktikanten?
""",
    "fr": """
Combien de jours de congé ai-je ?
Qui approuve les voyages à Berlin ?
Quel est le plafond pour un hôtel à Paris ?
Quand finit la période d'essai ?
Où trouver le formulaire de frais ?
Faut-il un reçu pour le taxi ?
Quel ordinateur vais-je recevoir ?
Les prestataires peuvent-ils travailler à distance ?
Qui est le délégué à la protection des données ?
Que deviennent les congés non pris ?
Quelle est la durée du préavis ?
Les soins dentaires sont-ils couverts ?
Les chiens sont-ils admis au bureau ?
Comment changer mon mot de passe ?
Pourquoi la facture 4711 a-t-elle été refusée ?
Combien pèse P12-EX ?
Jusqu'à quand rendre ma feuille de temps ?
Avons-nous des voitures de service ?
Puis-je inviter quelqu'un à déjeuner ?
Qui a fondé l'entreprise ?
Quelle est notre mission ?
À quelle fréquence sont faites les sauvegardes ?
Quels pays sont exclus ?
Dois-je chiffrer mon portable ?
À combien s'élève l'indemnité de repas ?
Qu'est-ce qui change dans la version 2.3 ?
Où est l'extincteur ?
Quand sommes-nous payés ?
Qui appeler en cas d'urgence ?
Quels sont les horaires de la cantine ?
Y a-t-il une salle de sport ?
Que faire si mon vol est annulé ?
Puis-je reporter cinq jours ?
Quelle équipe gère la recherche ?
Comment sont payées les heures supplémentaires ?
Quel est le prix du bureau en chêne ?
Dois-je verrouiller mon écran ?
À qui signaler un badge perdu ?
Comment est calculée la prime ?
Et pour les stagiaires ?
""",
    "es": """
¿Cuántos días de vacaciones tengo?
¿Quién aprueba los viajes a Berlín?
¿Cuál es el límite de hotel en París?
¿Cuándo termina el período de prueba?
¿Dónde está el formulario de gastos?
¿Hace falta un recibo para el taxi?
¿Qué portátil me darán?
¿Pueden los contratistas trabajar a distancia?
Quien es el delegado de protección de datos
Que pasa con las vacaciones no tomadas
Cual es el plazo de preaviso
¿Cubre la póliza al dentista?
¿Se admiten perros en la oficina?
Como cambio mi contraseña
¿Por qué se rechazó la factura 4711?
¿Cuánto pesa P12-EX?
¿Hasta cuándo debo entregar mis horas?
¿Tenemos coches de empresa?
¿Puedo traer invitados a comer?
¿Quién fundó la empresa?
Cual es nuestra misión
¿Con qué frecuencia se hacen copias?
¿Qué países están excluidos?
Debo cifrar mi portátil
¿A cuánto asciende la dieta?
¿Qué cambió en la versión 2.3?
Donde está el extintor
¿Cuándo nos pagan?
¿A quién llamo en una emergencia?
Horario de la cantina
¿Hay gimnasio?
¿Y si cancelan mi vuelo?
Puedo trasladar cinco días
¿Qué equipo lleva el buscador?
¿Cómo se pagan las horas extra?
¿Cuánto cuesta el escritorio de roble?
¿Tengo que bloquear la pantalla?
¿A quién aviso si pierdo la tarjeta?
Como se calcula el bono
¿Y los becarios?
""",
}

SENTENCES = {
    "en": """
Travel above 1,000 dollars has to be approved by the head of the department.
Unused vacation days expire at the end of March.
Contractors may not work from abroad without a written agreement.
The notice period is four weeks to the end of a month.
Every laptop must be encrypted before it leaves the office.
Receipts are kept for ten years and then destroyed.
Our support team answers within two business days.
All visitors sign in at the front desk and wear a badge.
The canteen opens at half past eleven and closes at two.
Please tell your manager as soon as you know that you are ill.
Backups run every night and are tested once a month.
This product is not intended for use outdoors.
""",
    "de": """
Reisen über 1.000 Euro müssen von der Abteilungsleitung genehmigt werden.
Nicht genommene Urlaubstage verfallen Ende März.
Externe dürfen ohne schriftliche Vereinbarung nicht im Ausland arbeiten.
Die Kündigungsfrist beträgt vier Wochen zum Monatsende.
Jeder Laptop ist zu verschlüsseln, bevor er das Büro verlässt.
Belege werden zehn Jahre aufbewahrt und danach vernichtet.
Der Kundendienst antwortet innerhalb von zwei Werktagen.
Alle Besucher melden sich am Empfang an und tragen einen Ausweis.
Die Kantine öffnet um halb zwölf und schließt um zwei.
Bitte sagen Sie Ihrer Führungskraft Bescheid, sobald Sie krank sind.
Sicherungen laufen jede Nacht und werden monatlich geprüft.
Dieses Produkt ist nicht für den Einsatz im Freien bestimmt.
""",
    "fr": """
Les voyages de plus de 1 000 euros doivent être approuvés par le chef de service.
Les jours de congé non pris sont perdus à la fin du mois de mars.
Les prestataires ne peuvent pas travailler à l'étranger sans accord écrit.
Le préavis est de quatre semaines à compter de la fin du mois.
Chaque ordinateur doit être chiffré avant de quitter le bureau.
Les justificatifs sont conservés dix ans puis détruits.
Notre service client répond sous deux jours ouvrés.
Tous les visiteurs se présentent à l'accueil et portent un badge.
La cantine ouvre à onze heures et demie et ferme à deux heures.
Prévenez votre responsable dès que vous êtes malade.
Les sauvegardes ont lieu chaque nuit et sont vérifiées chaque mois.
Ce produit n'est pas prévu pour une utilisation en extérieur.
""",
    "es": """
Los viajes de más de 1.000 euros deben ser aprobados por el jefe del departamento.
Los días de vacaciones no tomados se pierden a finales de marzo.
Los contratistas no pueden trabajar en el extranjero sin un acuerdo por escrito.
El plazo de preaviso es de cuatro semanas a partir de fin de mes.
Cada portátil debe cifrarse antes de salir de la oficina.
Los recibos se guardan diez años y luego se destruyen.
Nuestro servicio de atención responde en dos días laborables.
Todos los visitantes se registran en recepción y llevan una tarjeta.
La cantina abre a las once y media y cierra a las dos.
Avise a su responsable en cuanto sepa que está enfermo.
Las copias se hacen cada noche y se comprueban una vez al mes.
Este producto no está pensado para su uso en exteriores.
""",
}
